"""What the emulator keeps of Batch beside the ARM resources: the nodes of each pool, and how its upgrades went.

Plain records, by the pool's lower-case ARM id; what happens to them is in nodes.py, tasks.py and upgrades.py.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from emulator import ids
from emulator.wire import Body
from emulator.world import Resource, World

SECTION = "batch"
ACCOUNT = "Microsoft.Batch/batchAccounts"
POOL = "Microsoft.Batch/batchAccounts/pools"
READY = ("idle", "running")
"""States of a node that can run tasks."""


@dataclass(slots=True)
class Node:
    """A compute node. `state` is Batch's own word; times are epoch seconds of emulated time."""

    id: str
    state: str
    since: float
    allocated: float
    zone: str
    version: str
    """Of the image that its OS disk was made from; `image_id` is the whole id."""
    image_id: str
    dedicated: bool = True
    booted: float = 0.0
    turn: int = 0
    """Counts the node's steps: an event of an earlier turn is out of date."""
    tasks: list[str] = field(default_factory=list)
    """`<job>/<task>` of what runs on it."""
    run: int = 0
    succeeded: int = 0
    scheduling: bool = True
    healthy: bool = True
    errors: list[Body] = field(default_factory=list)
    former: tuple[str, str] | None = None
    """Version and image id of the OS disk before the upgrade that is under way."""
    restoring: bool = False


@dataclass(slots=True)
class Upgrade:
    """One rolling upgrade of a pool, in the words of a scale set's `rollingUpgrades/latest`."""

    target: str
    image_id: str
    started: float
    status: str = "RollingForward"
    """RollingForward, RollingBack, Completed or Faulted."""
    batch: list[str] = field(default_factory=list)
    batches: list[list[str]] = field(default_factory=list)
    successful: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    restored: list[str] = field(default_factory=list)
    deferred: list[str] = field(default_factory=list)
    """Nodes that had to be waited for, because they ran tasks."""
    pausing: bool = False
    turn: int = 0
    """Counts what is scheduled to go on with it: an event of an earlier turn is out of date."""
    error: Body | None = None
    ended: float | None = None

    @property
    def running(self) -> bool:
        return self.ended is None


@dataclass(slots=True)
class Fleet:
    """The nodes of a pool, and what is going on with them."""

    pool_id: str
    nodes: dict[str, Node] = field(default_factory=dict)
    resizing: bool = False
    resized: float = 0.0
    resize_errors: list[Body] = field(default_factory=list)
    enabled: float | None = None
    """Since when automatic upgrades are on, and the turn of the look for new versions that is scheduled."""
    looks: int = 0
    noticed: tuple[str, float] | None = None
    """The version that is to be rolled out next, and when."""
    upgrades: list[Upgrade] = field(default_factory=list)
    """All upgrades, oldest first."""
    events: list[Body] = field(default_factory=list)

    @property
    def upgrade(self) -> Upgrade | None:
        """The upgrade that runs."""
        return self.upgrades[-1] if self.upgrades and self.upgrades[-1].running else None


def of_pool(world: World, pool_id: str) -> Fleet:
    """The record of a pool, made at first use."""
    table: dict[str, Fleet] = world.sections.setdefault(SECTION, {})
    return table.setdefault(pool_id.lower(), Fleet(pool_id))


def all_of(world: World) -> list[Fleet]:
    return list(world.sections.get(SECTION, {}).values())


def forget(world: World, pool_id: str) -> None:
    world.sections.get(SECTION, {}).pop(pool_id.lower(), None)


def properties(world: World, fleet: Fleet) -> Body:
    """The pool's properties as ARM keeps them; empty once it is gone."""
    pool = world.get(fleet.pool_id)
    found: Body = pool.body["properties"] if pool is not None else {}
    return found


def location(world: World, pool_id: str) -> str:
    account = world.get(account_id(pool_id))
    return str(account.body["location"]) if account is not None else "westeurope"


def account_id(pool_id: str) -> str:
    return str(ids.parent(pool_id))


def account_by_name(world: World, name: str) -> Resource | None:
    """The account of an endpoint: names are unique in a region (recording: `<name>.<region>.batch.azure.com`)."""
    for account in world.under("/subscriptions", ACCOUNT):
        if ids.name(account.id).lower() == name.lower():
            return account
    return None


def set_state(world: World, node: Node, state: str) -> None:
    if node.state != state:
        node.state, node.since = state, world.now


def step_in(world: World, fleet: Fleet, node: Node, seconds: float) -> None:
    """Let the node's next step (steps.py) come after so many seconds; one that was scheduled before is void."""
    node.turn += 1
    world.schedule(seconds, "batch.node", pool_id=fleet.pool_id, node_id=node.id, turn=node.turn)


def note(world: World, fleet: Fleet, event: str, node: str = "", **more: object) -> None:
    """Write down what happened, for `GET /emulator/batch`."""
    fleet.events.append({"time": world.iso(), "event": event, **({"node": node} if node else {}), **more})


def upgrade_policy(properties: Body) -> Body:
    found: Body = properties.get("upgradePolicy") or {}
    return found


def os_upgrade(properties: Body) -> Body:
    """The automaticOSUpgradePolicy of a pool's properties."""
    found: Body = upgrade_policy(properties).get("automaticOSUpgradePolicy") or {}
    return found


def defers(properties: Body) -> bool:
    """Whether nodes that run tasks are upgraded only when they are idle."""
    return bool(os_upgrade(properties).get("osRollingUpgradeDeferral"))
