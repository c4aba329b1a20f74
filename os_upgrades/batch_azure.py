"""What is needed of Azure for Batch pools, in terms of REST bodies. Errors, retries and long-running operations are as
in `rollout.azure.Azure`."""

from __future__ import annotations

from typing import Protocol

from rollout.azure import Body


class BatchAzure(Protocol):
    """Azure, as whoever declares a pool's upgrades sees it."""

    api_version: str
    """By which pools are read and written."""

    def azure_time(self) -> float: ...

    # Microsoft.Batch

    async def get_batch_account(self, account_id: str) -> Body | None: ...

    async def get_batch_pool(self, pool_id: str) -> Body | None:
        """A pool with its `etag`, or None."""
        ...

    async def update_batch_pool(self, pool_id: str, patch: Body, *, etag: str) -> None:
        """PATCH with `If-Match: etag`: each property of `properties` that is given replaces what was."""
        ...

    # The data plane of the account

    async def list_batch_nodes(self, account_endpoint: str, pool_name: str) -> list[Body]:
        """The pool's nodes with state, running tasks and the version of their image. Empty without a pool."""
        ...

    # What a pool depends on

    async def get_feature(self, subscription: str, namespace: str, name: str) -> str:
        """State of a preview feature: NotRegistered, Registering, Registered ..."""
        ...

    async def register_feature(self, subscription: str, namespace: str, name: str) -> str:
        """Ask for a feature; returns its state, which may stay Registering or Pending for a while."""
        ...

    async def list_image_versions(self, definition_id: str) -> list[Body]: ...

    async def get_image_version(self, version_id: str) -> Body | None: ...
