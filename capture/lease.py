"""The lease of a capture: on the image definition, since a write of the golden VM would preempt a script that runs on
it (recording compute-vm-extension-failed-concurrent-vm-update).

Two definitions may have one golden VM. So the claim of the VM, by a conditional PATCH, is the lock proper, and before
it the lease of the definition that the VM's record names is looked at.
"""

from __future__ import annotations

from capture import names
from rollout.arm import name_of, same_id
from rollout.azure import Azure
from rollout.clock import iso
from rollout.errors import LeaseHeld
from rollout.lease import Holder, Lease, decode


class DefinitionLease(Lease):
    """A lease on one image definition."""

    TAG = names.LEASE
    STATUS = "hostpool images"

    @property
    def subject(self) -> str:
        return f"image {name_of(self.resource_id)}"

    def held_by(self, holder: Holder) -> str:
        return (
            f"image: a version of {name_of(self.resource_id)} is being captured by {holder.owner} (lease until "
            f"{iso(holder.until)}, renewed); wait for it"
        )


async def require_unused(azure: Azure, vm_tags: dict[str, str], definition_id: str) -> None:
    """Raise LeaseHeld where the golden VM is being captured for another definition by somebody who lives."""
    version_id = vm_tags.get(names.VERSION, "")
    other = version_id.rsplit("/versions/", 1)[0]
    if not version_id.startswith("/") or same_id(other, definition_id):
        return
    holder = decode((await azure.get_tags(other)).get(names.LEASE))
    if holder is not None and holder.until > azure.azure_time():
        raise LeaseHeld(
            f"source_vm_id: the golden VM is being captured for {name_of(other)} by {holder.owner} (lease until "
            f"{iso(holder.until)}); wait for it"
        )
