"""Registration of the AVD agent, seen from inside the guest.

The agent keeps its state on the OS disk: with IsRegistered=1 an install or a restart does nothing, whatever token it is
given; with IsRegistered=0 and a token it registers when its boot loader starts (AzAvd, Repair-AvdSessionHost).
"""

from __future__ import annotations

from emulator import guests
from emulator.desktopvirtualization import agent, broker
from emulator.world import Resource, World


def register(world: World, vm: Resource, token: str) -> str | None:
    """Install the agent, or let it try again, with a token. Returns None or the agent's error code.

    A guest with the fault `never_registers` reports no error and never appears in the pool.
    """
    content = guests.content_of(world, vm.id)
    if content["registered_pool"] is not None:
        return None
    content["agent"] = True
    content["registration_token"] = token
    if guests.has_fault(world, vm, "never_registers"):
        return None
    error = agent.register(world, vm, token)
    if error is None:
        found = broker.record_of(world, vm.id)
        content["registration_token"] = ""
        content["registered_pool"] = found[0].id if found else None
    return error


def restart_boot_loader(world: World, vm: Resource) -> str | None:
    """Restart of the service RDAgentBootLoader: an unregistered agent with a token registers."""
    content = guests.content_of(world, vm.id)
    if not content["agent"]:
        return None
    if content["registered_pool"] is not None:
        agent.recheck(world, vm)
        return None
    token = content["registration_token"]
    return register(world, vm, token) if token else None
