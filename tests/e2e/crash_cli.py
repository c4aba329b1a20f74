"""`make crash-cli`: the real Pulumi CLI is killed at random moments of a rollout, and another machine carries on.

Each round has an emulated pool of its own. `pulumi up` to the next version is struck with SIGKILL at a drawn moment,
one time in three the retry as well: the CLI alone, the CLI with all processes below it, or the provider's process.
Then, on a machine that knows nothing but the saved state, `pulumi cancel --yes` and `pulumi up` until one succeeds. The
pool must end as it does without a crash (invariant I6), and nobody may have been cut off (I4). Round n draws from seed
SEED + n - 1, so that ROUNDS=1 with the seed of a failure repeats its draws; what the machine makes of them varies.
"""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from demo.pulumi_cli import PROJECT
from simulation.end_state import EndState, differences, end_state
from tests.e2e.emulated_stack import EmulatedStack, emulated_stack, kill

KINDS = ("CLI", "process tree", "provider")
HOSTS = 4
SPEED = 240.0
UPS = 12
"""`pulumi up` is tried this often: while a killed CLI's provider still holds the lease, it is refused."""
UP = ("up", "--yes", "--skip-preview")


@dataclass(frozen=True)
class Uncrashed:
    """The same rollout without a crash."""

    end: EndState
    requests: int
    """How many requests it takes, of all principals: the scale on which moments are drawn."""


@dataclass(frozen=True)
class Round:
    """What a round came to."""

    kills: tuple[str, ...]
    """Which process was killed when, as `CLI at request 120 of 500 (vm-0 release)`."""
    ups: int
    seconds: float
    problems: tuple[str, ...]
    """What is not as without a crash."""


def main() -> int:
    """Run the rounds; the exit code is the verdict."""
    given = _arguments()
    folder = PROJECT / ".cache" / "crash-cli"
    shutil.rmtree(folder, ignore_errors=True)
    with declared(folder / "uncrashed") as stack:
        first = stack.last_request()
        act = stack.run(*UP)
        if act.exit_code:
            raise SystemExit(f"without a crash the rollout fails:\n{act.output}")
        uncrashed = Uncrashed(end_state(stack.state()), stack.last_request() - first)
    print(f"without a crash: {uncrashed.requests} requests", flush=True)
    struck: Counter[str] = Counter()
    failed = []
    for seed in range(given.seed, given.seed + given.rounds):
        found = one_round(folder / str(seed), seed, uncrashed)
        struck.update(kind for kind in KINDS for text in found.kills if text.startswith(kind))
        verdict = (
            "as without a crash" if not found.problems else f"NOT as without a crash, repeat: SEED={seed} ROUNDS=1"
        )
        print(f"seed {seed}: {'; '.join(found.kills)}; {found.ups} x up, {found.seconds:.0f} s: {verdict}", flush=True)
        for problem in found.problems:
            print(f"    {problem}", flush=True)
        failed += [seed] if found.problems else []
    print("killed: " + ", ".join(f"{kind} {struck[kind]}" for kind in KINDS))
    print(f"{given.rounds} rounds: {given.rounds - len(failed)} ended as without a crash")
    return 1 if failed else 0


@contextmanager
def declared(folder: Path) -> Iterator[EmulatedStack]:
    """A stack whose pool runs 1.0.0 and is to run 1.0.1."""
    folder.mkdir(parents=True)
    with emulated_stack(folder, hosts=HOSTS, speed=SPEED, users="8") as stack:
        act = stack.run(*UP)
        assert act.exit_code == 0, act.output
        stack.pulumi.set("image_version", "1.0.1")
        yield stack


def one_round(folder: Path, seed: int, uncrashed: Uncrashed) -> Round:
    """A rollout that is killed once or twice, and carried on with."""
    chance, began = random.Random(seed), time.monotonic()
    with declared(folder) as stack:
        watch, kills, orphans = stack.watch(), [], set[int]()
        machine, exit_code, output, ups = stack, -9, "", 0
        for count in range(1 + (chance.random() < 1 / 3)):
            kind = KINDS[(seed + count) % 3]
            most = uncrashed.requests // (3 if count else 1)  # less is left to do for the second run
            kills.append(strike(machine, kind, chance, most, orphans))
            machine = stack.elsewhere(folder / f"machine-{count + 2}")
            machine.pulumi.run("cancel", "--yes")
        while exit_code and ups < UPS:
            act = machine.run(*UP)
            exit_code, output, ups = act.exit_code, act.output, ups + 1
        whole = watch(exit_code, output)
        kill(orphans)
    problems = differences(uncrashed.end, end_state(whole.after))
    problems += [f"pulumi up ends with {exit_code}: {output[-2000:]}"] if exit_code else []
    problems += [f"{e['user']} was cut off" for e in whole.session_events if e["event"] == "cut_off"]
    return Round(tuple(kills), ups, time.monotonic() - began, tuple(problems))


def strike(machine: EmulatedStack, kind: str, chance: random.Random, requests: int, orphans: set[int]) -> str:
    """Start `pulumi up` and kill it at a drawn moment; returns what was killed, and where the hosts stood."""
    at, first = chance.randrange(requests), machine.last_request()
    pause = chance.uniform(0.0, 0.5 if at else 5.0)
    cli = machine.begin(*UP)
    while cli.process.poll() != 0 and machine.last_request() - first < at:
        if cli.process.poll() is not None:  # refused: the provider of a killed CLI still held the lease
            cli = machine.begin(*UP)
        time.sleep(0.05)
    time.sleep(pause)
    while kind == "provider" and cli.process.poll() is None and not cli.providers():
        time.sleep(0.05)
    ended = cli.process.poll() is not None
    if not ended and kind == "provider":
        kill(cli.providers())
        cli.process.wait()
    elif not ended and kind == "CLI":
        orphans.update(cli.kill())
    elif not ended:
        cli.kill_all()
    where = f"at request {machine.last_request() - first} of {requests}"
    return f"nothing, it had ended {where}" if ended else f"{kind} {where} ({_standing(machine)})"


def _standing(stack: EmulatedStack) -> str:
    """The phases that the hosts' records name, as `vm-0 release, vm-1 build`."""
    found = []
    for body in stack.state()["resources"].values():
        record = (body.get("tags") or {}).get("avd-rollout", "")
        if str(body.get("type", "")).lower() == "microsoft.compute/virtualmachines" and ";p=" in record:
            found.append(f"{body['name']} {record.partition(';p=')[2].partition(';')[0]}")
    return ", ".join(sorted(found)) or "no host in work"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.e2e.crash_cli", description=__doc__)
    parser.add_argument("--rounds", type=int, default=10, help="how often a rollout is killed")
    parser.add_argument("--seed", type=int, default=1, help="of the first round")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
