"""What the control API tells of Batch pools beyond Azure's own APIs: upgrades with their batches, events, tasks."""

from __future__ import annotations

from dataclasses import asdict

from emulator.batch import fleet as fleets
from emulator.batch import tasks
from emulator.wire import Body
from emulator.world import World


def describe(world: World) -> dict[str, Body]:
    """By pool id: `nodes`, `upgrades` (oldest first), `events` (what happened to nodes) and `tasks`."""
    shown: dict[str, Body] = {}
    for fleet in fleets.all_of(world):
        upgrades = [
            {
                **{name: value for name, value in asdict(upgrade).items() if name not in ("turn", "pausing")},
                "started": world.iso(upgrade.started),
                "ended": world.iso(upgrade.ended) if upgrade.ended is not None else None,
            }
            for upgrade in fleet.upgrades
        ]
        shown[fleet.pool_id] = {
            "nodes": {
                node.id: {
                    "state": node.state,
                    "version": node.version,
                    "zone": node.zone,
                    "healthy": node.healthy,
                    "tasks": list(node.tasks),
                }
                for node in fleet.nodes.values()
            },
            "upgrades": upgrades,
            "next": _next(world, fleet),
            "events": list(fleet.events),
            "tasks": {
                task.key: {"state": task.state, "node": task.node, "requeued": task.requeued}
                for task in tasks.of_pool(world, fleet)
            },
        }
    return shown


def _next(world: World, fleet: fleets.Fleet) -> Body | None:
    """The upgrade that is to begin: version and time."""
    if fleet.noticed is None:
        return None
    version, due = fleet.noticed
    return {"version": version, "due": world.iso(due)}
