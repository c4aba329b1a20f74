"""Microsoft.Compute/snapshots: copies of a disk at a moment."""

from __future__ import annotations

from cloud.api_versions import DISKS
from cloud.connection import Connection, content
from cloud.ids import parse
from rollout.azure import Body
from rollout.errors import NotFound


class SnapshotOperations:
    """The snapshot part of `capture.azure.CaptureAzure`."""

    connection: Connection

    async def list_snapshots(self, resource_group_id: str) -> list[Body]:
        return await self.connection.list(f"{resource_group_id}/providers/Microsoft.Compute/snapshots", DISKS)

    async def get_snapshot(self, snapshot_id: str) -> Body | None:
        return await self.connection.get(snapshot_id, DISKS)

    async def create_snapshot(self, snapshot_id: str, body: Body) -> None:
        snapshot = parse(snapshot_id)
        await self.connection.run(
            f"PUT snapshots/{snapshot.name}",
            self.connection.compute(snapshot.subscription).snapshots.begin_create_or_update,
            snapshot.group,
            snapshot.name,
            content(body),
        )

    async def update_snapshot(self, snapshot_id: str, patch: Body) -> None:
        snapshot = parse(snapshot_id)
        await self.connection.run(
            f"PATCH snapshots/{snapshot.name}",
            self.connection.compute(snapshot.subscription).snapshots.begin_update,
            snapshot.group,
            snapshot.name,
            content(patch),
        )

    async def delete_snapshot(self, snapshot_id: str) -> None:
        snapshot = parse(snapshot_id)
        snapshots = self.connection.compute(snapshot.subscription).snapshots
        try:
            await self.connection.run(
                f"DELETE snapshots/{snapshot.name}", snapshots.begin_delete, snapshot.group, snapshot.name
            )
        except NotFound:  # its group is gone; a missing snapshot alone is 204
            return
