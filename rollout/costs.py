"""What a rollout pays for beside the hosts, in quantities: temporary machines, and disks until they are attached.

Prices differ by region, size and contract; Azure's calculator (azure.microsoft.com/pricing/calculator) knows them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from rollout.host_timeline import Note
from rollout.values import HOUR

BUILT, UNBUILT, ATTACHED = "built a temporary VM", "deleted the temporary VM", "attached disk"
"""How the actions are told that begin and end what costs."""


@dataclass(frozen=True)
class Costs:
    """Times in hours."""

    disks: int
    """Built, or to be built: one temporary machine for each."""
    vm_hours: float
    """Of all temporary machines, until they are deleted."""
    disk_hours: float
    """Of all disks, until they are attached."""

    def line(self) -> str:
        """`4 disks: 0.3 hours of temporary machines, 40 disk hours`."""
        disks = f"{self.disks} disk{'' if self.disks == 1 else 's'}"
        return f"{disks}: {self.vm_hours:.1f} hours of temporary machines, {self.disk_hours:.0f} disk hours"


def spent(hosts: Iterable[Iterable[Note]], ended: float) -> Costs:
    """From the actions on each host, in order, of a log that ends at an epoch second. A disk that was removed unused
    counts until another one is built for its host, or until the log ends."""
    disks, vm_seconds, disk_seconds = 0, 0.0, 0.0
    for actions in hosts:
        machine = disk = ended
        for action in actions:
            if action.text.startswith(BUILT):
                disk_seconds += max(0.0, action.time - disk)
                machine = disk = action.time - (action.seconds or 0.0)
                disks += 1
            elif action.text.startswith(UNBUILT):
                vm_seconds += max(0.0, action.time - machine)
                machine = ended
            elif action.text.startswith(ATTACHED):
                disk_seconds += max(0.0, action.time - disk)
                disk = ended
        vm_seconds += ended - machine
        disk_seconds += ended - disk
    return Costs(disks, vm_seconds / HOUR, disk_seconds / HOUR)
