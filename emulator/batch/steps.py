"""What happens to a node next, by the state that it is in."""

from __future__ import annotations

from emulator import durations
from emulator.batch import fleet as fleets
from emulator.batch import nodes, upgrades
from emulator.batch.fleet import set_state, step_in
from emulator.world import Handler, World


def _step(world: World, *, pool_id: str, node_id: str, turn: int) -> None:
    """Event: a node's next step, unless it is out of date."""
    fleet = fleets.of_pool(world, pool_id)
    node = fleet.nodes.get(node_id)
    if node is None or node.turn != turn:
        return
    if node.state == "creating":
        set_state(world, node, "starting")
        nodes.settle(world, pool_id=pool_id)
        step_in(world, fleet, node, durations.draw(world, "batch node start", f"{pool_id}/{node_id}"))
    elif node.state == "starting":
        fault = nodes.broken_by(world, node)
        if fault:
            nodes.break_down(world, node, fault)
        else:
            nodes.come_up(world, fleet, node)
    elif node.state == "leavingpool":
        del fleet.nodes[node_id]
        upgrades.gone(world, fleet, node_id)
        nodes.settle(world, pool_id=pool_id)
    elif node.former is not None:
        upgrades.went_on(world, fleet, node)
    elif node.state == "waitingforstarttask":
        nodes.serve(world, fleet, node)


HANDLERS: dict[str, Handler] = {"batch.node": _step}
