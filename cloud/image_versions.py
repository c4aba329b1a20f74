"""Writes of Microsoft.Compute/galleries/images/versions; `images.py` has the reads."""

from __future__ import annotations

from cloud.connection import Connection, content
from cloud.ids import parse
from rollout.azure import Body
from rollout.errors import NotFound


class ImageVersionOperations:
    """The gallery part of `capture.azure.CaptureAzure`."""

    connection: Connection

    async def create_image_version(self, version_id: str, body: Body) -> None:
        version = parse(version_id)
        await self.connection.run(
            f"PUT versions/{version.name}",
            self.connection.compute(version.subscription).gallery_image_versions.begin_create_or_update,
            version.group,
            *version.names,
            content(body),
        )

    async def update_image_version(self, version_id: str, patch: Body) -> None:
        version = parse(version_id)
        await self.connection.run(
            f"PATCH versions/{version.name}",
            self.connection.compute(version.subscription).gallery_image_versions.begin_update,
            version.group,
            *version.names,
            content(patch),
        )

    async def delete_image_version(self, version_id: str) -> None:
        version = parse(version_id)
        versions = self.connection.compute(version.subscription).gallery_image_versions
        try:
            await self.connection.run(
                f"DELETE versions/{version.name}", versions.begin_delete, version.group, *version.names
            )
        except NotFound:  # its group is gone; a missing version alone is 204
            return
