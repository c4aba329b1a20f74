"""`python -m simulation.capture_crashes`: captures killed before and after each of their remote writes, and twice in a
row at random pairs, and started again from nothing but Azure until one ends. Prints a table, what went wrong with the
command that repeats it, and a verdict.

A crash is the emulated world at that instant, as in `simulation.crash_story`. The end is not compared with that of an
uncrashed run but judged by itself: `problems` lists what must never be, whatever happened.
"""

from __future__ import annotations

import argparse
import asyncio
import math
import pickle
import random
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from multiprocessing import get_context
from typing import Any

from capture import names
from capture.errors import CaptureFailed
from capture.record import Phase, decode
from emulator import guests
from emulator.clock import real_time
from emulator.wire import Body
from emulator.world import World
from rollout.errors import AzureError, RolloutError
from simulation.crash_story import Moment, Watched, keep_scenes
from simulation.emulated_pool import DEFINITION
from simulation.golden_vm import GOLDEN, INPUTS, GoldenVm, golden_vm
from simulation.process import Died, Kill, Process, silent_about_the_dead
from simulation.virtual_time import EPOCH, virtually
from simulation.wire_log import Exchange, kind_of_write

RUNS = 8
VERSION = f"{DEFINITION}/versions/{INPUTS['version']}"
CHANGED = r"Set-ItemProperty -Path 'HKLM:\SOFTWARE\Office' -Name Version -Value 2"
MARK = "hklm:\\software\\office\\version"
"""What the update scripts leave on the golden VM's disk."""


@dataclass(frozen=True)
class Reference:
    """A capture that is crashed."""

    says: str
    inputs: Mapping[str, Any] = field(default_factory=dict)
    ends: str = "complete"
    power: str = "running"
    os_state: str = "Generalized"
    fault: str = ""
    """Of the guests that boot."""
    stays: bool = False
    """The version stays where it ended so, excluded from latest."""


UPDATE: Mapping[str, Any] = {"name": "office", "script": [CHANGED], "restart": True}
BROKEN: Mapping[str, Any] = {"name": "broken", "script": [CHANGED, "Write-Output 'no licence'", "exit 3"]}

REFERENCES: Mapping[str, Reference] = {
    "updates": Reference("a script with a restart, two regions", {
        "updates": [UPDATE], "regions": [{"name": "westeurope"}, {"name": "northeurope"}],
    }),
    "found off": Reference("a deallocated golden VM, nothing to update", power="deallocated"),
    "found stopped": Reference("a golden VM that was shut down, and a script", {"updates": [UPDATE]}, power="stopped"),
    "specialized": Reference("no sysprep", {"os_state": "specialized"}, os_state="Specialized"),
    "update fails": Reference("the second script fails: the disk of before comes back", {
        "updates": [UPDATE, BROKEN],
    }, ends="CaptureFailed"),
    "update fails, off": Reference("the same on a golden VM that was off", {
        "updates": [BROKEN],
    }, ends="CaptureFailed", power="deallocated"),
    "sysprep fails": Reference("with the log's words", {"updates": [UPDATE]}, ends="CaptureFailed",
        fault="sysprep_fails"),
    "boot test": Reference("it passes while the version is replicated", {
        "boot_test": {"script": ["Write-Output 'well'"]}, "regions": [{"name": "westeurope"}, {"name": "northeurope"}],
    }),
    "boot test fails": Reference("its script does, and the version is excluded from latest", {
        "boot_test": {"script": ["Write-Output 'no printer'", "exit 3"]},
    }, ends="CaptureFailed", stays=True),
    "clone never boots": Reference("its agent never answers", ends="CaptureFailed", fault="never_boots"),
}  # fmt: skip


@dataclass(frozen=True)
class Scene:
    """All there is while no process lives."""

    world: bytes = field(repr=False)
    runs: int
    begun: bool
    """A capture was begun before."""


@dataclass(frozen=True)
class Ending:
    """How a story ended."""

    exits: tuple[str, ...]
    writes: int
    problems: tuple[str, ...]
    exchanges: tuple[Exchange, ...] = field(repr=False)
    said: str = ""
    """The error of the last run."""


class Story:
    """A reference from a scene on: run again and again until one comes to an end of its own."""

    def __init__(self, reference: Reference, scene: Scene) -> None:
        self.reference, self.scene, self.runs = reference, scene, scene.runs
        self._emulator = Watched(World.of_export(pickle.loads(scene.world)))
        self.made = GoldenVm(self._emulator)
        self.scenes: dict[Moment, Scene] = {}

    def keep_scenes(self) -> None:
        """Keep the world before and after each write from now on."""
        self.scenes = keep_scenes(self._emulator, self.made.wire, self._scene)

    async def play(self, kill: Kill | None = None) -> Ending:
        """`kill`: where the first run of this story dies."""
        made = self.made
        asyncio.get_running_loop().set_exception_handler(silent_about_the_dead)
        await made.clock.sleep(made.emulator.world.now - EPOCH)
        exits: list[str] = []
        processes: list[Process] = []
        said = ""
        while len(exits) < RUNS:
            self.runs += 1
            process = Process(f"runner-{self.runs}", kill if kill is not None and not exits else Kill())
            processes.append(process)
            try:
                await made.capture(process=process, **self.reference.inputs)
                exits.append("complete")
            except Died:
                exits.append("killed")
                continue
            except CaptureFailed as failed:
                exits.append("CaptureFailed")
                said = str(failed)
            except (RolloutError, AzureError) as error:
                exits.append(type(error).__name__)
                said = str(error)
                continue
            break
        problems = [*self._problems(exits, said), *await self._writes_again(exits[-1])]
        landed = sum(1 for each in made.wire.exchanges if each.write)
        return Ending(tuple(exits), landed, tuple(problems), tuple(made.wire.exchanges), said)

    # -- what must never be

    def _problems(self, exits: Sequence[str], said: str) -> list[str]:
        made, reference = self.made, self.reference
        resources: dict[str, Body] = made.control("GET", "state")["resources"]
        golden = resources[GOLDEN.lower()]
        found = []
        if exits[-1] != reference.ends:
            found.append(f"ended {exits[-1]}: {said}")
        left = [key.rsplit("/", 1)[-1] for key in resources if "avdcap-" in key or "/runcommands/" in key]
        if left:
            found.append(f"left over: {', '.join(left)}")
        if golden.get("tags") != {"owner": "desktop-team"}:
            found.append(f"tags of the golden VM: {golden.get('tags')}")
        if self._power() != reference.power:
            found.append(f"the golden VM is {self._power()}, found {reference.power}")
        if not any(key.endswith("/disks/golden_osdisk_1") for key in resources):
            found.append("the golden VM's own disk is gone")
        return [*found, *self._problems_of_disks(exits[-1]), *self._problems_of_version(exits[-1], resources)]

    def _problems_of_disks(self, end: str) -> list[str]:
        """The golden VM was never sysprepped, and what scripts did to it stays only where the capture came to be."""
        world = self.made.emulator.world
        content, found = guests.content_of(world, GOLDEN), []
        original = world.get(f"{GOLDEN.rsplit('/', 2)[0]}/disks/golden_OsDisk_1")
        assert original is not None
        for which, each in (("attached", content), ("own", original.hidden["content"])):
            if each.get("sysprep") or each["generalized"]:
                found.append(f"the golden VM's {which} disk was sysprepped")
            if not any(account["Name"] == "installer" for account in each["local_accounts"]):
                found.append(f"a local account is gone from the golden VM's {which} disk")
        wanted = bool(self.reference.inputs.get("updates")) and end == "complete"
        if (MARK in content["registry"]) != wanted:
            found.append(f"what the scripts did is {'not ' if wanted else ''}on the golden VM's disk")
        return found

    def _problems_of_version(self, end: str, resources: Mapping[str, Body]) -> list[str]:
        version = resources.get(VERSION.lower())
        if self.reference.stays and version is not None:
            profile, said = version["properties"]["publishingProfile"], version["tags"].get(names.BOOT_TEST)
            right = profile["excludeFromLatest"] and said == "failed: its script ended with exit code 3: no printer"
            return [] if right else [f"a version that failed its test: {said}, {profile}"]
        if end != "complete":
            return ["a version is there"] if version is not None else []
        if version is None or version["properties"]["provisioningState"] != "Succeeded":
            return ["no version is there"]
        tested = "passed" if "boot_test" in self.reference.inputs else None
        if version["tags"].get(names.BOOT_TEST) != tested:
            return [f"the boot test of the version: {version['tags'].get(names.BOOT_TEST)}"]
        profile = version["properties"]["publishingProfile"]
        if profile["excludeFromLatest"] or len(profile["targetRegions"]) < len(
            self.reference.inputs.get("regions", ())
        ):
            return [f"the version is not offered as declared: {profile}"]
        resource = self.made.emulator.world.get(VERSION)
        assert resource is not None
        content, found = resource.hidden["content"], []
        generalized = self.reference.os_state == "Generalized"
        if content["generalized"] != generalized:
            found.append(f"the version is {'not ' if generalized else ''}generalized")
        if generalized and any(account["Name"] in ("installer", "ada") for account in content["local_accounts"]):
            found.append("the version has a local account")
        if (MARK in content["registry"]) != bool(self.reference.inputs.get("updates")):
            found.append("the version does not have what the scripts did")
        snapshots = [body for key, body in resources.items() if "/snapshots/" in key]
        kinds = Counter((body.get("tags") or {}).get(names.BACKUP) for body in snapshots)
        if kinds != {"before": 1, "after": 1}:
            found.append(f"snapshots: {dict(kinds)}")
        return found

    async def _writes_again(self, end: str) -> list[str]:
        """A rerun where the version is there writes nothing."""
        if end != "complete":
            return []
        process = Process("once-more")
        await self.made.capture(process=process, **self.reference.inputs)
        return [f"a rerun wrote {process.writes} times"] if process.writes else []

    def _power(self) -> str:
        world = self.made.emulator.world
        vm = world.get(GOLDEN)
        assert vm is not None
        return guests.machine_of(world, vm).power

    def _scene(self) -> Scene:
        world = pickle.dumps(self.made.emulator.world.export(), pickle.HIGHEST_PROTOCOL)
        return Scene(world, self.runs, True)


def opening(reference: Reference) -> Scene:
    """The golden VM before the first run."""

    async def prepared() -> Scene:
        made = await golden_vm(os_state=reference.os_state)
        if reference.power != "running":
            await made.turn_off(deallocate=reference.power == "deallocated")
        if reference.fault:
            made.fault(reference.fault)
        made.control("GET", "state")
        return Scene(pickle.dumps(made.emulator.world.export(), pickle.HIGHEST_PROTOCOL), 0, False)

    return virtually(prepared())


@dataclass(frozen=True)
class Uncrashed:
    """A reference that nobody killed."""

    name: str
    ending: Ending
    scenes: dict[Moment, Scene] = field(repr=False)

    @property
    def phases(self) -> frozenset[Phase]:
        """Phases that its record came to."""
        records = (decode(((each.body or {}).get("tags") or {}).get(names.RECORD)) for each in self.ending.exchanges)
        return frozenset(record.p for record in records if record is not None)

    def kind(self, moment: Moment) -> str:
        return kind_of_write([each for each in self.ending.exchanges if each.write][moment.write - 1])


def uncrashed(name: str) -> Uncrashed:
    """Play a reference through. Raises AssertionError where it does not end as it should by itself."""
    story = Story(REFERENCES[name], opening(REFERENCES[name]))
    story.keep_scenes()
    ending = virtually(story.play())
    assert not ending.problems, (name, ending.exits, ending.problems, ending.said)
    return Uncrashed(name, ending, story.scenes)


def crashed(name: str, scene: Scene, kill: Kill | None = None) -> Ending:
    """The story of a reference from a scene on, killed once more where `kill` says."""
    return virtually(Story(REFERENCES[name], scene).play(kill))


def moments(whole: Uncrashed, every: int = 1) -> list[Moment]:
    return sorted(whole.scenes, key=lambda moment: (moment.write, moment.side == "after"))[::every]


def lost_phases(examined: Sequence[Uncrashed]) -> set[Phase]:
    """Phases of the engine that no reference came to."""
    return set(Phase) - {phase for whole in examined for phase in whole.phases}


@dataclass(frozen=True)
class Crash:
    """A crash of a reference, or two in a row: `second` is of the run that the first one calls for."""

    reference: str
    first: Moment
    second: Moment | None = None

    @property
    def command(self) -> str:
        kills = f"--kill {self.first}" + (f" --kill {self.second}" if self.second is not None else "")
        return f"python -m simulation.capture_crashes --reference {self.reference!r} {kills}"


@dataclass(frozen=True)
class Result:
    crash: Crash
    problems: tuple[str, ...]
    writes: int
    """Of the runs after the first crash: where a second one may strike."""


_whole: Uncrashed
"""The reference at hand: worker processes are forked with it."""


def _play(crash: Crash) -> Result:
    kill = Kill(crash.second.write, crash.second.side) if crash.second is not None else None
    ending = crashed(crash.reference, _whole.scenes[crash.first], kill)
    return Result(crash, ending.problems, ending.writes)


def _pairs(results: Sequence[Result], count: int) -> list[Crash]:
    chance = random.Random(1)
    again = [result for result in results if result.writes]
    chosen = [chance.choice(again) for _ in range(count)]
    seconds = [Moment(chance.randint(1, each.writes), chance.choice(("before", "after"))) for each in chosen]
    return [replace(each.crash, second=second) for each, second in zip(chosen, seconds, strict=True)]


def main(arguments: Sequence[str] | None = None, tell: Callable[[str], None] = print) -> int:
    """Exit code: 0 only if every crash ended well."""
    global _whole
    parser = argparse.ArgumentParser(prog="python -m simulation.capture_crashes", description=__doc__)
    parser.add_argument("--reference", choices=list(REFERENCES), help="only this one")
    parser.add_argument("--kill", action="append", metavar="N:SIDE", help="repeat one crash, such as 17:after; or two")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="only each Nth crash (odd N: on both sides)")
    parser.add_argument("--pairs", type=int, default=100, help="crashes twice in a row, in all")
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args(arguments)
    names = [options.reference] if options.reference else list(REFERENCES)
    failures, examined, count = 0, [], 0
    for name in names:
        began = real_time()
        _whole = uncrashed(name)
        if options.kill:
            first, *rest = (Moment.of(text) for text in options.kill)
            chosen, more = [Crash(name, first, *rest)], 0
        else:
            chosen = [Crash(name, moment) for moment in moments(_whole, options.every)]
            more = math.ceil(options.pairs / len(names))
        with ProcessPoolExecutor(options.workers, mp_context=get_context("fork")) as pool:
            results = list(pool.map(_play, chosen, chunksize=4))
            results += list(pool.map(_play, _pairs(results, more), chunksize=4)) if more else []
        bad = [result for result in results if result.problems]
        pairs, seconds = len(results) - len(chosen), real_time() - began
        tell(f"{name:<18}{len(_whole.scenes) // 2:>4} writes{len(chosen):>5} crashes{pairs:>4} pairs"
             f"{len(bad):>4} failed{seconds:>6.0f} s")  # fmt: skip
        for result in bad:
            tell(f"  {_whole.kind(result.crash.first)}: {'; '.join(result.problems)}\n    {result.crash.command}")
        failures, count = failures + len(bad), count + len(results)
        examined.append(Uncrashed(name, _whole.ending, {}))
    lost = lost_phases(examined) if not options.reference else set()
    if lost:
        tell(f"never occurred: {', '.join(sorted(lost))}")
    tell(f"{count} crashes: {count - failures} ended well")
    return 1 if failures or lost else 0


if __name__ == "__main__":
    sys.exit(main())
