"""What a capture needs of Azure beyond `rollout.azure.Azure`: snapshots, disks, image versions, timed scripts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from rollout.azure import Azure, Body


class CaptureAzure(Azure, Protocol):
    """Azure, as one capture sees it. Errors and long-running operations are as in `rollout.azure.Azure`."""

    # Microsoft.Compute/virtualMachines

    async def restart_vm(self, vm_id: str) -> None: ...

    async def generalize_vm(self, vm_id: str) -> None:
        """Marks the stopped VM as generalized; it can never start again. Says nothing of what is on its disk."""
        ...

    async def run_script(
        self, vm_id: str, name: str, script: Sequence[str], protected: Mapping[str, str], *, limit: float = 0.0
    ) -> Body:
        """A managed run command, deleted again after it ran; returns its instance view: `executionState` (Succeeded,
        Failed, TimedOut, Canceled), `exitCode`, and of `output` and `error` the last 4 KB each. `limit`: seconds after
        which Azure ends it, 0 for Azure's own 90 minutes (learn.microsoft.com/rest/api/compute/
        virtual-machine-run-commands)."""
        ...

    # Microsoft.Compute/disks and snapshots

    async def create_disk(self, disk_id: str, body: Body) -> None:
        """PUT, unconditional."""
        ...

    async def list_snapshots(self, resource_group_id: str) -> list[Body]: ...

    async def get_snapshot(self, snapshot_id: str) -> Body | None: ...

    async def create_snapshot(self, snapshot_id: str, body: Body) -> None:
        """PUT, unconditional. An existing snapshot is not taken anew."""
        ...

    async def update_snapshot(self, snapshot_id: str, patch: Body) -> None:
        """PATCH; `tags` replaces the whole tag map."""
        ...

    async def delete_snapshot(self, snapshot_id: str) -> None: ...

    # Microsoft.Compute/virtualMachineScaleSets

    async def list_scale_sets(self, scope: str) -> list[Body]:
        """Of a resource group, or of a subscription."""
        ...

    # Microsoft.Compute/galleries/images/versions

    async def create_image_version(self, version_id: str, body: Body) -> None:
        """PUT; returns when the version is replicated to all its regions."""
        ...

    async def update_image_version(self, version_id: str, patch: Body) -> None: ...

    async def delete_image_version(self, version_id: str) -> None: ...
