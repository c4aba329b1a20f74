"""Gallery images, managed images, platform images with their terms, sizes and quota. Only read."""

from __future__ import annotations

from cloud.api_versions import GALLERIES, MARKETPLACE, SKUS, VIRTUAL_MACHINES
from cloud.connection import Connection
from rollout.azure import Body


class ImageOperations:
    """The image and catalog part of `rollout.azure.Azure`."""

    connection: Connection
    subscription_id: str

    async def get_image_definition(self, definition_id: str) -> Body | None:
        return await self.connection.get(definition_id, GALLERIES)

    async def list_image_versions(self, definition_id: str) -> list[Body]:
        return await self.connection.list(f"{definition_id}/versions", GALLERIES)

    async def get_image_version(self, version_id: str) -> Body | None:
        return await self.connection.get(version_id, GALLERIES, **{"$expand": "ReplicationStatus"})

    async def get_managed_image(self, image_id: str) -> Body | None:
        return await self.connection.get(image_id, VIRTUAL_MACHINES)

    async def get_shared(self, location: str, path: str) -> Body | None:
        return await self.connection.get(self._at(location) + path, GALLERIES)

    async def list_shared_versions(self, location: str, image: str) -> list[Body]:
        versions = f"{self._at(location)}{image}/versions"
        found = await self.connection.list(versions, GALLERIES)
        if found or image.lower().startswith("/communitygalleries/"):
            return found
        # A list shows what is shared with the subscription; what is shared with its tenant must be asked for
        # (azure-rest-api-specs pull request 10466).
        return await self.connection.list(versions, GALLERIES, sharedTo="tenant")

    async def list_platform_versions(self, location: str, publisher: str, offer: str, sku: str) -> list[str]:
        path = self._platform(location, publisher, offer, sku)
        return [str(version["name"]) for version in await self.connection.list(path, VIRTUAL_MACHINES)]

    async def get_platform_version(
        self, location: str, publisher: str, offer: str, sku: str, version: str
    ) -> Body | None:
        path = self._platform(location, publisher, offer, sku)
        return await self.connection.get(f"{path}/{version}", VIRTUAL_MACHINES)

    async def get_marketplace_terms(self, subscription: str, publisher: str, offer: str, plan: str) -> Body | None:
        path = (
            f"/subscriptions/{subscription}/providers/Microsoft.MarketplaceOrdering/offerTypes/virtualmachine"
            f"/publishers/{publisher}/offers/{offer}/plans/{plan}/agreements/current"
        )
        return await self.connection.get(path, MARKETPLACE)

    async def list_skus(self, location: str) -> list[Body]:
        path = f"/subscriptions/{self.subscription_id}/providers/Microsoft.Compute/skus"
        # `location eq` is the only filter that the API knows.
        skus = await self.connection.list(path, SKUS, **{"$filter": f"location eq '{location}'"})
        return [sku for sku in skus if sku.get("resourceType") == "virtualMachines"]

    async def list_usages(self, location: str) -> list[Body]:
        return await self.connection.list(f"{self._at(location)}/usages", VIRTUAL_MACHINES)

    def _platform(self, location: str, publisher: str, offer: str, sku: str) -> str:
        return f"{self._at(location)}/publishers/{publisher}/artifacttypes/vmimage/offers/{offer}/skus/{sku}/versions"

    def _at(self, location: str) -> str:
        return f"/subscriptions/{self.subscription_id}/providers/Microsoft.Compute/locations/{location}"
