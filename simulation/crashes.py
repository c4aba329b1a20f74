"""`python -m simulation.crashes`: every reference rollout killed before and after each of its writes, and twice in a
row at random pairs. Prints a table, what went wrong by cause with the command that repeats it, and a verdict."""

from __future__ import annotations

import argparse
import gc
import math
import random
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context

from emulator.clock import real_time
from rollout.record import Phase
from simulation.crash_story import Moment, Uncrashed, crashed, uncrashed
from simulation.process import Kill
from simulation.references import REFERENCES, STEPS, phases_of, steps_of


@dataclass(frozen=True)
class Crash:
    """One story with a crash, or two in a row."""

    reference: str
    first: Moment
    second: Moment | None = None
    at_once: bool = False
    """The same owner is back at once, and does not wait for the lease."""

    @property
    def command(self) -> str:
        again = f" --kill {self.second}" if self.second is not None else ""
        at_once = " --at-once" if self.at_once else ""
        return f"python -m simulation.crashes --reference {self.reference} --kill {self.first}{again}{at_once}"


@dataclass(frozen=True)
class Result:
    crash: Crash
    differences: tuple[str, ...]
    rerun_writes: int
    """Writes of the run after the first crash: where a second one may strike."""


@dataclass
class Row:
    """What came of one reference."""

    name: str
    writes: int
    kinds: int
    seconds: float
    results: list[Result] = field(default_factory=list)
    pairs: list[Result] = field(default_factory=list)

    @property
    def failures(self) -> list[Result]:
        return [result for result in (*self.results, *self.pairs) if result.differences]

    @property
    def crashes(self) -> int:
        return len(self.results) + len(self.pairs)

    def line(self) -> str:
        before = sum(1 for result in self.results if result.crash.first.side == "before")
        same = self.crashes - len(self.failures)
        return (
            f"{self.name:<17}{self.writes:>7}{before:>8}{len(self.results) - before:>7}{self.kinds:>7}"
            f"{len(self.pairs):>7}{same:>7}{len(self.failures):>8}{self.seconds:>9.0f}"
        )


HEADER = "reference         writes  before  after  kinds  pairs   same  failed  seconds"

_whole: Uncrashed
"""The reference at hand: worker processes are forked with it."""


def play(crash: Crash) -> Result:
    """One crash, from the world at its moment on."""
    kills = [Kill(crash.second.write, crash.second.side)] if crash.second is not None else []
    ending = crashed(crash.reference, _whole.scenes[crash.first], kills, at_once=crash.at_once)
    return Result(crash, tuple(_whole.differs(ending)), ending.writes[0] if ending.writes else 0)


def moments(whole: Uncrashed) -> list[Moment]:
    """Before and after each write."""
    return sorted(whole.scenes, key=lambda moment: (moment.write, moment.side == "after"))


def pairs(results: Sequence[Result], count: int, seed: int) -> Iterator[Crash]:
    """Crashes of which the second strikes at a write of the run that the first one calls for."""
    chance = random.Random(seed)
    again = [result for result in results if result.rerun_writes]
    for _ in range(count):
        result = chance.choice(again)
        side = chance.choice(("before", "after"))
        second = Moment(chance.randint(1, result.rerun_writes), "before" if side == "before" else "after")
        yield Crash(result.crash.reference, result.crash.first, second, chance.random() < 0.5)


def examine(whole: Uncrashed, options: argparse.Namespace, count: int) -> Row:
    """Every crash of a reference, and `count` pairs."""
    global _whole
    _whole, began = whole, real_time()
    gc.freeze()  # the workers share what is there now
    chosen = moments(whole)[options.seed % options.every :: options.every]
    single = [Crash(whole.name, moment, at_once=options.at_once) for moment in chosen]
    with ProcessPoolExecutor(options.workers, mp_context=get_context("fork")) as pool:
        results = list(pool.map(play, single, chunksize=2))
        twice = list(pool.map(play, pairs(results, count, options.seed), chunksize=2)) if count else []
    kinds = len({whole.kind(result.crash.first) for result in results})
    return Row(whole.name, len(whole.writes), kinds, real_time() - began, results, twice)


def causes(results: Iterable[Result]) -> dict[str, list[Result]]:
    """Failures by what differs, whichever host it is on."""
    found: dict[str, list[Result]] = {}
    for result in results:
        lines = {re.sub(r"vm-\d|user\d+\S*", "…", line) for line in result.differences}
        found.setdefault("\n    ".join(sorted(lines)), []).append(result)
    return found


def missing(examined: Iterable[Uncrashed]) -> list[str]:
    """Phases and steps of the engine that no reference came to."""
    exchanges = [each for whole in examined for each in whole.ending.exchanges]
    lost = [f"phase {phase}" for phase in sorted(set(Phase) - phases_of(exchanges))]
    return lost + [f"step {step}" for step in sorted(STEPS - steps_of(exchanges))]


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code: 0 only if all ended as without a crash."""
    options = _options(arguments)
    names = [options.reference] if options.reference else list(REFERENCES)
    if options.kill:
        return _repeat(names[0], [Moment.of(text) for text in options.kill], options.at_once)
    print(HEADER, flush=True)
    rows, examined = [], []
    for name in names:
        whole = uncrashed(name)
        rows.append(examine(whole, options, math.ceil(options.pairs / len(names))))
        print(rows[-1].line(), flush=True)
        examined.append(Uncrashed(name, whole.opening, whole.ending, {}))
    failures = [result for row in rows for result in row.failures]
    for cause, results in causes(failures).items():
        kinds = Counter(str(result.crash.reference) for result in results)
        print(f"\n{len(results)} of {', '.join(kinds)}:\n    {cause}\n  {results[0].crash.command}")
    lost = missing(examined) if len(names) == len(REFERENCES) else []
    if lost:
        print(f"\nnever occurred: {', '.join(lost)}")
    crashes = sum(row.crashes for row in rows)
    print(f"{crashes} crashes: {crashes - len(failures)} ended as without a crash")
    return 1 if failures or lost else 0


def _repeat(name: str, kills: Sequence[Moment], at_once: bool) -> int:
    """One crash, or two, with a process that is killed; prints each run and what differs."""
    whole = uncrashed(name)
    ending = crashed(name, whole.opening, [Kill(m.write, m.side) for m in kills], at_once=at_once)
    for run, (came_to, writes) in enumerate(zip(ending.exits, ending.writes, strict=False), 1):
        where = f" at {ending.died_at[run - 1]}" if came_to == "killed" else ""
        print(f"run {run}: {came_to}{where}, {writes} writes")
    found = whole.differs(ending)
    print("\n".join(found) or "ended as without a crash")
    return 1 if found else 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m simulation.crashes", description=__doc__)
    parser.add_argument("--reference", choices=list(REFERENCES), help="only this one")
    parser.add_argument("--kill", action="append", metavar="N:SIDE", help="repeat one crash, such as 57:after; or two")
    parser.add_argument("--pairs", type=int, default=200, help="crashes twice in a row, in all")
    parser.add_argument("--seed", type=int, default=1, help="of the pairs, and of what --every takes")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="only each Nth crash (odd N: on both sides)")
    parser.add_argument("--at-once", action="store_true", help="the same owner is back at once, in all of them")
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args(arguments)
    if options.kill and not options.reference:
        parser.error("--kill needs --reference")
    return options


if __name__ == "__main__":
    sys.exit(main())
