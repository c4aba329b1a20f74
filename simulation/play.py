"""Plays a case: the pool is put up, its runners run (and die, or stand still), administrators interfere, faults strike;
then comes the calm, in which `pulumi up` is run again, by new runners, until it ends its attempt.

What happened is told by the emulator and the wire; the engine's own events are kept for the log only.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from emulator.wire import Request
from rollout import names
from rollout.clock import from_iso
from rollout.errors import AzureError, RolloutError
from rollout.record import ENDED, decode
from simulation.case import Case, Deed, Runner
from simulation.deeds import DEEDS, vm_id
from simulation.emulated_pool import EmulatedPool, emulated_pool
from simulation.process import Died, Process, silent_about_the_dead
from simulation.timeline import Timeline
from simulation.virtual_time import virtually
from simulation.wire_log import Exchange, kind_of_write

Body = dict[str, Any]

UPS_IN_THE_CALM, IN_WINDOWS = 5, 15
"""Runs that an undisturbed pool gets until one of them ends the attempt with nothing left to do."""
PATIENCE = 36 * 3600.0
"""Seconds of virtual time that one run may take: an engine that never ends is a failure too."""


@dataclass(frozen=True)
class Ended:
    """How one run came to its end. `status`: the outcome's, or the class of what was raised."""

    process: str
    status: str
    text: str
    failures: tuple[tuple[str, str], ...] = ()
    hosts: tuple[tuple[str, tuple[str, ...]], ...] = ()
    goes_on: str = ""


@dataclass
class Played:
    """Everything that is known of a story."""

    case: Case
    made: EmulatedPool
    time: Timeline
    before: Body
    after: Body
    ended: list[Ended]
    processes: list[Process]
    calm_from: float
    """Epoch second from which nothing more was disturbed."""
    deeds: list[tuple[float, Deed]]
    """Those that were done, and when."""
    phases: Counter[str]
    faults: Counter[str]
    idle_writes: int | None = None
    """Writes of an `up` on a pool that is complete."""
    final: Ended = field(default_factory=lambda: Ended("", "", ""))

    def log(self) -> str:
        """The event log: what went over the wire, what the engine told, the end. The same for the same case."""
        lines = [exchange.line() for exchange in self.made.wire.exchanges]
        lines += [event.to_json() for event in self.made.events]
        lines += [repr(ended) for ended in self.ended]
        lines.append(json.dumps(self.after, sort_keys=True))
        folder = str(self.made.folder)
        return "\n".join(line.replace(folder, "<folder>") for line in lines)

    def digest(self) -> str:
        return hashlib.sha256(self.log().encode()).hexdigest()


@contextmanager
def played(case: Case) -> Iterator[Played]:
    """The story, told to its end. Event logs of its runs lie in a folder that goes with it."""
    folder = Path(tempfile.mkdtemp(prefix="simulation-"))
    try:
        yield virtually(_play(case, folder))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def _play(case: Case, folder: Path) -> Played:
    made = await emulated_pool(folder, seed=case.seed, **case.pool)
    return await _Story(case, made).told()


class _Story:
    def __init__(self, case: Case, made: EmulatedPool) -> None:
        self._case, self._made = case, made
        self._ended: list[Ended] = []
        self._processes: list[Process] = []
        self._done: list[tuple[float, Deed]] = []
        self._waiting = list(case.deeds)
        self._tasks: set[asyncio.Task[None]] = set()
        self._phases: Counter[str] = Counter()
        made.wire.watchers.append(self._watch)
        made.wire.heralds.append(self._herald)

    async def told(self) -> Played:
        asyncio.get_running_loop().set_exception_handler(silent_about_the_dead)
        case, made = self._case, self._made
        before = made.control("GET", "state")
        self._faults(case.faults + case.lasting)
        for deed in [deed for deed in self._waiting if not deed.phase]:
            self._soon(deed)
        await self._run_all()
        await self._quiet()
        faults = self._struck()
        self._faults(case.lasting)
        calm = made.clock.now()
        final = await self._to_the_end(case.inputs)
        idle = await self._once_more(case.inputs) if final.status == "complete" else None
        if case.back and final.status == "complete":
            final = await self._to_the_end({**case.inputs, "version": "1.0.0"})
        faults += self._struck()
        await made.clock.sleep(3600)  # sessions, heartbeats and lagging records settle
        return Played(
            case,
            made,
            Timeline(made),
            before,
            made.control("GET", "state"),
            self._ended,
            self._processes,
            calm,
            self._done,
            self._phases,
            faults,
            idle,
            final,
        )

    async def _run_all(self) -> None:
        """All runners, each at its time: several may be under way at once."""
        began = self._made.clock.now()
        running: set[asyncio.Task[Ended]] = set()
        for number, runner in enumerate(self._case.runners, 1):
            while running and (left := began + runner.after - self._made.clock.now()) > 0:
                _, running = await asyncio.wait(running, timeout=left, return_when=asyncio.FIRST_COMPLETED)
            running.add(asyncio.create_task(self._up(runner.process(f"runner-{number}"), self._case.inputs)))
        if running:
            await asyncio.wait(running)

    async def _up(self, process: Process, inputs: Body) -> Ended:
        self._processes.append(process)
        try:
            async with asyncio.timeout(PATIENCE):
                outcome = await self._made.roll(process=process, **inputs)
        except Died:
            ended = Ended(process.name, "Died", process.died_at)
        except TimeoutError:
            ended = Ended(process.name, "NeverEnded", f"still at work after {PATIENCE / 3600:.0f} hours")
        except (RolloutError, AzureError) as error:
            ended = Ended(process.name, type(error).__name__, str(error))
        else:
            hosts = tuple((state, tuple(found)) for state, found in outcome.hosts.items())
            ended = Ended(process.name, outcome.status, outcome.summary, outcome.failures, hosts, outcome.goes_on)
        self._ended.append(ended)
        return ended

    async def _to_the_end(self, inputs: Body) -> Ended:
        """`pulumi up` again and again, as an administrator would, until one has nothing more to hope for."""
        last, stopped = Ended("", "", ""), 0
        for number in range(1, (IN_WINDOWS if inputs.get("window") else UPS_IN_THE_CALM) + 1):
            last = await self._up(Runner().process(f"calm-{len(self._ended)}-{number}"), inputs)
            stopped += last.status in ("stopped", "complete_with_failures")
            if last.status in ("complete", "NeverEnded") or stopped == 2:
                return last
            opens = from_iso(last.goes_on) - self._made.clock.now() if last.goes_on else 0.0
            await self._made.clock.sleep(max(60.0, opens + 1.0))
        return last

    async def _once_more(self, inputs: Body) -> int:
        """How many writes an `up` makes that finds everything done."""
        process = Runner().process(f"again-{len(self._ended)}")
        await self._up(process, inputs)
        return process.writes

    # -- faults and deeds

    def _faults(self, rules: tuple[Body, ...]) -> None:
        self._made.control("POST", "faults", {"seed": self._case.seed, "rules": list(rules)})

    def _struck(self) -> Counter[str]:
        rules = self._made.control("GET", "faults")["rules"]
        return Counter({str(rule["id"]): int(rule["acted"]) for rule in rules if rule["acted"]})

    def _watch(self, exchange: Exchange) -> None:
        """A record that was written: which phase a host entered, and whether somebody waited for that."""
        phase = _entered(exchange)
        if phase is None or not exchange.accepted:
            return
        self._phases[phase] += 1
        for deed in self._due(phase, exchange.path):
            if deed.delay >= 0:
                self._soon(deed)

    def _herald(self, request: Request) -> bool:
        """A record that is on its way: does somebody get in between?"""
        between = [deed for deed in self._due(_entered(request) or "", request.path) if deed.delay < 0]
        for deed in between:
            self._soon(deed)
        return bool(between)

    def _due(self, phase: str, path: str) -> list[Deed]:
        return [d for d in self._waiting if phase and d.phase == phase and path.lower() == vm_id(d.host).lower()]

    def _soon(self, deed: Deed) -> None:
        self._waiting.remove(deed)
        task = asyncio.create_task(self._do(deed))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _do(self, deed: Deed) -> None:
        if deed.delay > 0:
            await self._made.clock.sleep(deed.delay)
        self._done.append((self._made.clock.now(), deed))
        await DEEDS[deed.kind].do(self._made, deed.host)

    async def _quiet(self) -> None:
        """Deeds that wait for nothing but time are done before the calm begins."""
        if self._tasks:
            await asyncio.wait(set(self._tasks))
        self._waiting.clear()


def _entered(write: Request | Exchange) -> str | None:
    """The phase that a write puts on a VM's record, or None."""
    if write.method != "PATCH" or not isinstance(write.body, dict) or "virtualmachines" not in kind_of_write(write):
        return None
    record = decode((write.body.get("tags") or {}).get(names.RECORD))
    return str(record.p) if record is not None else None


def spoiled(story: Played) -> dict[str, frozenset[str]]:
    """What the deeds have spoiled, by the name of the host."""
    found: dict[str, frozenset[str]] = {}
    for _, deed in story.deeds:
        name = f"vm-{deed.host}"
        found[name] = found.get(name, frozenset()) | DEEDS[deed.kind].spoils
    return found


def in_work(record_tag: str | None) -> bool:
    """Whether a VM's record says that a rollout works on it."""
    record = decode(record_tag)
    return record is not None and record.p not in ENDED
