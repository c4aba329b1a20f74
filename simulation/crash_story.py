"""Crash at every write: a reference rollout is stopped dead before and after each of its remote writes, and started
again from nothing but Azure until an `up` ends its attempt. It must end as without a crash (invariant I6).

Nothing of a dead process outlives it, so a crash is the emulated world at that instant: one uncrashed run keeps the
world before and after each write, and each crash goes on from there. A story with kills plays the same with processes
that are killed, from the start; both come to the same (tests/simulation/test_crashes.py).
"""

from __future__ import annotations

import asyncio
import pickle
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from emulator.app import Emulator
from emulator.wire import Request, Response
from emulator.world import World
from rollout import names, pool_record
from rollout.declaration import parse
from rollout.errors import AzureError, RolloutError
from rollout.values import HOUR
from simulation.emulated_pool import INPUTS, POOL, EmulatedPool, emulated_pool
from simulation.end_state import EndState, differences, end_state
from simulation.process import Died, Kill, Process, Side, silent_about_the_dead
from simulation.references import REFERENCES, Reference, pool_tags, resume
from simulation.virtual_time import EPOCH, LoopClock, virtually
from simulation.wire_log import Exchange, Wire, is_write, kind_of_write

RUNS = 8
"""At most this many runs until an attempt has ended: those that are killed, those that incidents end, and more."""
HOSTS = 4


@dataclass(frozen=True)
class Moment:
    """Before or after a write; writes count from 1 over all runs of the uncrashed story."""

    write: int
    side: Side

    def __str__(self) -> str:
        return f"{self.write}:{self.side}"

    @classmethod
    def of(cls, text: str) -> Moment:
        """Of `57:after`. Raises ValueError."""
        write, _, side = text.partition(":")
        if side not in ("before", "after"):
            raise ValueError(f"{text} is no moment such as 57:after")
        return cls(int(write), "before" if side == "before" else "after")


@dataclass(frozen=True)
class Scene:
    """All there is while no process lives: the emulated world (pickled), how often the kinds of write occurred that the
    reference's incidents wait for, and how many runs there were. `began`: when the first one began."""

    world: bytes = field(repr=False)
    seen: tuple[int, ...]
    runs: int
    began: float


@dataclass(frozen=True)
class Ending:
    """How a story ended."""

    state: EndState
    exits: tuple[str, ...]
    """Of each run: the status, the class of what it raised, or `killed`."""
    writes: tuple[int, ...]
    """Of each run."""
    died_at: tuple[str, ...]
    problems: tuple[str, ...]
    """What must not be, whatever the end."""
    exchanges: tuple[Exchange, ...] = field(repr=False)


class Watched(Emulator):
    """Calls `before` at each write of the engine, when the world stands at its moment."""

    before: Callable[[], None] | None = None
    engine: bool = True
    """Whether requests are the engine's, rather than somebody else's."""

    def handle(self, request: Request) -> Response:
        if self.before is not None and self.engine and not request.path.startswith("/emulator/") and is_write(request):
            self.before()
        return super().handle(request)


AnyScene = TypeVar("AnyScene")


def keep_scenes(emulator: Watched, wire: Wire, scene: Callable[[], AnyScene]) -> dict[Moment, AnyScene]:
    """`scene` before and after each write from now on, as the writes come."""
    kept: dict[Moment, AnyScene] = {}
    count = 0

    def before() -> None:
        nonlocal count
        count += 1
        kept[Moment(count, "before")] = scene()

    def after(exchange: Exchange) -> None:
        if exchange.write:
            kept[Moment(count, "after")] = scene()

    emulator.before = before
    wire.watchers.append(after)
    return kept


class Story:
    """One reference from a scene on: `up` again and again until one ends its attempt, each by an owner of its own, who
    waits until the lease of a dead one is over. `at_once`: each owner is called as the one before, as in a container
    that is started again, and so takes its lease over without waiting, while what that one began is still under way."""

    def __init__(self, reference: Reference, scene: Scene, folder: Path, *, at_once: bool = False) -> None:
        self.reference, self.scene, self.at_once = reference, scene, at_once
        self.runs = scene.runs
        self._emulator = Watched(World.of_export(pickle.loads(scene.world)))
        self.made = EmulatedPool(self._emulator, LoopClock(), folder)
        self.made.wire.watchers.append(self._incidents)
        self._seen = list(scene.seen)
        self.scenes: dict[Moment, Scene] = {}

    def keep_scenes(self) -> None:
        """Keep the world before and after each write from now on."""
        self.scenes = keep_scenes(self._emulator, self.made.wire, self._scene)

    async def play(self, kills: Sequence[Kill] = ()) -> Ending:
        """`kills`: the first counts writes from here on, over all runs, each further one from the death before."""
        made, reference = self.made, self.reference
        asyncio.get_running_loop().set_exception_handler(silent_about_the_dead)
        await made.clock.sleep(made.emulator.world.now - EPOCH)
        pending, written = list(kills), 0
        processes: list[Process] = []
        exits: list[str] = []
        while len(exits) < RUNS:
            if ended := self._ended():
                exits.append(ended)  # all but the lease's end was written: one more `up` is another attempt
                break
            at, side = (pending[0].write or 0, pending[0].side) if pending else (0, "before")
            self.runs += 1
            name = f"runner-{max(1, self.scene.runs) if self.at_once else self.runs}"
            process = Process(name, Kill(at - written, side) if at > written else Kill())
            processes.append(process)
            try:
                outcome = await made.roll(process=process, only=reference.only, **reference.inputs)
            except Died:
                exits.append("killed")
                pending, written = pending[1:], 0
                continue
            except (RolloutError, AzureError) as error:
                exits.append(type(error).__name__)
                written += process.writes
                continue
            exits.append(outcome.status)
            written += process.writes
            if outcome.status != "paused":
                break
            with self._somebody_else():
                resume(made)
            if outcome.goes_on:
                await made.clock.sleep(HOUR)  # the window is over, and the next run finds it closed
        problems = [*self._problems(processes), *(await self._writes_again(exits[-1]))]
        return Ending(
            end_state(made.control("GET", "state")),
            tuple(exits),
            tuple(process.writes for process in processes),
            tuple(process.died_at for process in processes if process.died_at),
            tuple(problems),
            tuple(made.wire.exchanges),
        )

    def _ended(self) -> str:
        """How the attempt ended, by the rollout's record; empty while it has not."""
        record = pool_record.decode(pool_tags(self.made).get(names.RECORD))
        return str(record.st) if record is not None and not record.resumable and record.s >= self.scene.began else ""

    def _problems(self, processes: Sequence[Process]) -> list[str]:
        made = self.made
        events = [e for e in made.control("GET", "session-events", hostPool=POOL)["events"] if self._since(e)]
        found = [f"{e['user']} was cut off from {e['host']}" for e in events if e["event"] == "cut_off"]
        found += _unwarned(events, self._declared().drain.grace)
        samples = [s for s in made.control("GET", "capacity", hostPool=POOL)["samples"] if self._since(s)]
        most = max((s["unavailable"] for s in samples), default=0)
        limit = self._declared().max_unavailable.of(HOSTS)
        if most > limit:
            found.append(f"{most} hosts were unavailable, {limit} allowed")
        landed = sum(1 for each in made.wire.exchanges if each.write)
        alive = sum(process.writes - process.died_at.endswith("before") for process in processes)
        if landed != alive:
            found.append(f"{landed - alive} writes of dead processes landed")
        return found

    async def _writes_again(self, last: str) -> list[str]:
        """I7: a rerun on a complete pool writes nothing."""
        if last != "complete" or self.reference.only is not None:
            return []
        process = Process("once-more")
        await self.made.roll(process=process, **self.reference.inputs)
        written = [
            kind_of_write(each) for each in self.made.wire.exchanges if each.process == process.name and each.write
        ]
        return [f"a rerun on the complete pool wrote: {', '.join(written)}"] if written else []

    def _declared(self) -> Any:
        return parse({**INPUTS, **self.reference.inputs})

    def _since(self, item: dict[str, Any]) -> bool:
        return str(item["time"]) >= self.made.emulator.world.iso(self.scene.began)

    def _incidents(self, exchange: Exchange) -> None:
        if not (exchange.write and exchange.accepted):
            return
        kind = kind_of_write(exchange)
        for number, incident in enumerate(self.reference.incidents):
            if incident.kind == kind:
                self._seen[number] += 1
                if self._seen[number] == incident.nth:
                    with self._somebody_else():
                        if incident.do(self.made) is False:
                            self._seen[number] -= 1

    def _scene(self) -> Scene:
        world = pickle.dumps(self.made.emulator.world.export(), pickle.HIGHEST_PROTOCOL)
        return Scene(world, tuple(self._seen), self.runs, self.scene.began)

    @contextmanager
    def _somebody_else(self) -> Iterator[None]:
        self._emulator.engine = False
        try:
            yield
        finally:
            self._emulator.engine = True


def _unwarned(events: Sequence[dict[str, Any]], grace: float) -> list[str]:
    """Users who were logged off by force without a message and, `grace` seconds before, a final one."""
    found = []
    for number, event in enumerate(events):
        if event["event"] != "forced_logoff":
            continue
        told = [
            e["text"]
            for e in events[:number]
            if (e["event"], e["user"], e["host"]) == ("message", event["user"], event["host"])
        ]
        if not any("being updated" in text for text in told) or not any("will sign you out" in text for text in told):
            found.append(f"{event['user']} was logged off from {event['host']} after {len(told)} message(s)")
    return found


# -- a reference as a whole


def opening(reference: Reference, folder: Path) -> Scene:
    """The pool before the first run."""

    async def prepared() -> Scene:
        made = await emulated_pool(folder, hosts=HOSTS, **reference.pool)
        if reference.before is not None:
            await reference.before(made)
        rules = [{"id": f"guest-{number}", "effect": dict(rule)} for number, rule in enumerate(reference.guests)]
        made.control("POST", "faults", {"seed": 1, "rules": rules})
        world = pickle.dumps(made.emulator.world.export(), pickle.HIGHEST_PROTOCOL)
        return Scene(world, (0,) * len(reference.incidents), 0, made.clock.now())

    return virtually(prepared())


@dataclass(frozen=True)
class Uncrashed:
    """A reference that nobody killed: its end, and the world before and after each of its writes."""

    name: str
    opening: Scene
    ending: Ending
    scenes: dict[Moment, Scene] = field(repr=False)

    @property
    def writes(self) -> tuple[Exchange, ...]:
        return tuple(each for each in self.ending.exchanges if each.write and each.process != "once-more")

    def kind(self, moment: Moment) -> str:
        return kind_of_write(self.writes[moment.write - 1])

    def differs(self, crashed: Ending) -> list[str]:
        """What a story that was killed came to that this one did not, a line each."""
        found = differences(self.ending.state, crashed.state)
        if crashed.exits[-1] != self.ending.exits[-1]:
            found.append(f"ended {self.ending.exits[-1]} | {', '.join(crashed.exits)}")
        return [*found, *crashed.problems]


def uncrashed(name: str) -> Uncrashed:
    """Play a reference through. Raises AssertionError where it does not end as it should by itself."""
    reference = REFERENCES[name]
    with tempfile.TemporaryDirectory() as folder:
        begin = opening(reference, Path(folder))
        story = Story(reference, begin, Path(folder))
        story.keep_scenes()
        ending = virtually(story.play())
        assert ending.exits[-1] == reference.ends and not ending.problems, (ending.exits, ending.problems)
        return Uncrashed(name, begin, ending, story.scenes)


def crashed(name: str, scene: Scene, kills: Sequence[Kill] = (), *, at_once: bool = False) -> Ending:
    """The story of a reference from a scene on."""
    with tempfile.TemporaryDirectory() as folder:
        return virtually(Story(REFERENCES[name], scene, Path(folder), at_once=at_once).play(kills))
