"""Jobs and tasks: a queue per pool, and nodes that work it off on emulated time.

How long a task takes is read from its command line (`sleep 600`, `timeout /t 600`, `Start-Sleep 600`), else drawn; so
is its exit code (`exit 3`). Tasks go to the node with the fewest (nodeFillType Spread), or the most (Pack).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from emulator import durations
from emulator.batch import fleet as fleets
from emulator.batch.fleet import READY, Fleet, Node, set_state
from emulator.wire import Body
from emulator.world import Handler, World

SECTION = "batch_jobs"
_SECONDS = re.compile(r"\b(?:sleep|timeout(?:\s+/t)?|start-sleep(?:\s+-s(?:econds)?)?)\s+(\d+)", re.IGNORECASE)
_EXIT = re.compile(r"\bexit\s+(?:/b\s+)?(\d+)", re.IGNORECASE)


@dataclass(slots=True)
class Task:
    id: str
    job: str
    body: Body
    created: float
    state: str = "active"
    """active, running or completed."""
    since: float = 0.0
    node: str = ""
    turn: int = 0
    started: float | None = None
    ended: float | None = None
    exit_code: int | None = None
    requeued: int = 0

    @property
    def key(self) -> str:
        return f"{self.job}/{self.id}".lower()

    @property
    def slots(self) -> int:
        return int(self.body.get("requiredSlots") or 1)


@dataclass(slots=True)
class Job:
    id: str
    account_id: str
    body: Body
    created: float
    state: str = "active"
    tasks: dict[str, Task] = field(default_factory=dict)

    @property
    def pool(self) -> str:
        return str((self.body.get("poolInfo") or {}).get("poolId") or "")


def jobs_of(world: World, account_id: str) -> dict[str, Job]:
    """The jobs of an account by lower-case id, in order of creation."""
    table: dict[str, dict[str, Job]] = world.sections.setdefault(SECTION, {})
    return table.setdefault(account_id.lower(), {})


def forget(world: World, account_id: str) -> None:
    world.sections.get(SECTION, {}).pop(account_id.lower(), None)


def of_pool(world: World, fleet: Fleet) -> list[Task]:
    """All tasks that belong to a pool, in order of creation."""
    name = fleet.pool_id.rpartition("/")[2].lower()
    jobs = jobs_of(world, fleets.account_id(fleet.pool_id)).values()
    return [task for job in jobs if job.pool.lower() == name and job.state == "active" for task in job.tasks.values()]


def assign(world: World, fleet: Fleet) -> None:
    """Give waiting tasks to nodes that have room."""
    properties = fleets.properties(world, fleet)
    slots = int(properties.get("taskSlotsPerNode") or 1)
    pack = str((properties.get("taskSchedulingPolicy") or {}).get("nodeFillType", "Spread")).lower() == "pack"
    tasks = of_pool(world, fleet)
    taken = {task.key: task.slots for task in tasks}
    for task in tasks:
        if task.state != "active":
            continue
        free = [
            node
            for node in fleet.nodes.values()
            if node.state in READY
            and node.scheduling
            and sum(taken.get(key, 1) for key in node.tasks) + task.slots <= slots
        ]
        if not free:
            continue
        free.sort(key=lambda node: len(node.tasks) * (-1 if pack else 1))
        _run(world, fleet, task, free[0])


def put_back(world: World, fleet: Fleet, node: Node) -> list[str]:
    """Interrupt what runs on a node: its tasks wait again, from the beginning. Returns their keys."""
    keys, node.tasks = node.tasks, []
    for task in of_pool(world, fleet):
        if task.key in keys:
            task.state, task.node, task.started = "active", "", None
            task.since, task.requeued, task.turn = world.now, task.requeued + 1, task.turn + 1
    return keys


def drop(world: World, fleet: Fleet | None, task: Task) -> None:
    """Forget a task that is deleted or whose job is, also where it runs."""
    task.turn += 1
    node = fleet.nodes.get(task.node) if fleet is not None else None
    if fleet is not None and node is not None and task.key in node.tasks:
        node.tasks.remove(task.key)
        _idle_again(world, fleet, node)


def _run(world: World, fleet: Fleet, task: Task, node: Node) -> None:
    node.tasks.append(task.key)
    set_state(world, node, "running")
    task.state, task.node, task.started, task.since, task.turn = "running", node.id, world.now, world.now, task.turn + 1
    found = _SECONDS.search(str(task.body.get("commandLine") or ""))
    subject = f"{fleet.pool_id}/{task.key}"
    seconds = float(found[1]) if found else durations.draw(world, "batch task", subject)
    world.schedule(seconds, "batch.task", pool_id=fleet.pool_id, job=task.job, task=task.id, turn=task.turn)


def _ended(world: World, *, pool_id: str, job: str, task: str, turn: int) -> None:
    """Event: a task has come to its end."""
    fleet = fleets.of_pool(world, pool_id)
    known = jobs_of(world, fleets.account_id(pool_id)).get(job.lower())
    ran = known.tasks.get(task.lower()) if known is not None else None
    if ran is None or ran.turn != turn:
        return
    code = _EXIT.search(str(ran.body.get("commandLine") or ""))
    ran.state, ran.since, ran.ended, ran.exit_code = "completed", world.now, world.now, int(code[1]) if code else 0
    node = fleet.nodes.get(ran.node)
    if node is None:
        return
    node.tasks.remove(ran.key)
    node.run += 1
    node.succeeded += ran.exit_code == 0
    _idle_again(world, fleet, node)


def _idle_again(world: World, fleet: Fleet, node: Node) -> None:
    """A node has room again. An upgrade that waits for it comes before the next task, for Batch calls back once a node
    is idle: the event, which is due at once, is that of upgrades.py."""
    if not node.tasks and node.state == "running":
        set_state(world, node, "idle")
        world.schedule(0.0, "batch.idle", pool_id=fleet.pool_id)
    else:
        assign(world, fleet)


HANDLERS: dict[str, Handler] = {"batch.task": _ended}
