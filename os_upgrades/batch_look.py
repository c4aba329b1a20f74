"""One look at a Batch pool on its way to the latest image: what `latest` is now, what each node runs and how it is.
Batch has no call that tells how far an upgrade is; see `batch_progress`."""

from __future__ import annotations

from dataclasses import dataclass

from os_upgrades.batch_azure import BatchAzure
from os_upgrades.batch_pool import BatchPool
from os_upgrades.batch_progress import BROKEN, UPGRADING, BatchNode, Progress, nodes_of, progress
from os_upgrades.upgrade_look import Member, image_of
from rollout.arm import dig
from rollout.azure import Azure
from rollout.declaration import Declaration
from rollout.errors import InvalidDeclaration
from rollout.image_sources import resolve
from rollout.images import LATEST, Image


@dataclass(frozen=True)
class PoolSeen:
    """What was seen at `at` (epoch seconds, Azure's time)."""

    pool: BatchPool
    image: Image
    """What `latest` stands for in the account's region, or stood for when a run began."""
    nodes: tuple[BatchNode, ...]
    at: float

    @property
    def latest(self) -> str:
        return self.image.version

    @property
    def progress(self) -> Progress:
        return progress(self.nodes, self.latest)

    @property
    def members(self) -> tuple[Member, ...]:
        """The nodes, as instances of a scale set are told; those that leave the pool are not among them."""
        return tuple(_member(node) for node in self.nodes if node.state != "leavingpool")

    @property
    def behind(self) -> tuple[Member, ...]:
        """Nodes that do not run the latest image."""
        return tuple(member for member in self.members if member.version != self.latest)

    @property
    def unfinished(self) -> bool:
        """Whether a node does not run it, or is not well on it yet."""
        return any(member.version != self.latest or not member.good for member in self.members)


async def look(batch: BatchAzure, azure: Azure, pool_id: str, goal: Image | None = None) -> PoolSeen:
    """Raises InvalidDeclaration for a pool that does not exist or whose nodes follow no latest version. `goal`: what
    the nodes are brought to, where that was found before."""
    body = await batch.get_batch_pool(pool_id)
    if body is None:
        remedy = "correct the id (az batch pool list), or give the role Microsoft.Batch/batchAccounts/pools/read"
        raise InvalidDeclaration("pool_id", pool_id, "does not exist, or may not be seen", remedy)
    pool = BatchPool(body)
    account = await batch.get_batch_account(pool.account_id) or {}
    image = goal or await _followed(azure, pool, str(account.get("location") or ""))
    endpoint = str(dig(account, "properties", "accountEndpoint") or "")
    listed = await batch.list_batch_nodes(endpoint, pool.name) if endpoint else []
    return PoolSeen(pool, image, nodes_of(listed), azure.azure_time())


async def latest(azure: Azure, pool: BatchPool, location: str) -> str:
    """The version that a pool's nodes are brought to now. Raises InvalidDeclaration where they follow none."""
    return (await _followed(azure, pool, location)).version


async def _followed(azure: Azure, pool: BatchPool, location: str) -> Image:
    reference = dict(pool.machine.get("imageReference") or {})
    reference.setdefault("version", LATEST)  # Batch's own default
    if str(reference["version"]).lower() != LATEST or "/versions/" in str(reference.get("id") or "").lower():
        raise InvalidDeclaration(
            "pool_id",
            pool.name,
            "has an image of one version, so that there is nothing to upgrade to",
            "make the pool anew with an image of version latest",
        )
    return await resolve(azure, Declaration("", image_of(reference), LATEST), location)


def _member(node: BatchNode) -> Member:
    broken = node.state in BROKEN
    state = "Updating" if node.state in UPGRADING else "Failed" if broken else "Succeeded"
    why = node.error or (f"it is {node.state}" if broken else "")
    return Member(node.id, node.id, node.version or "unknown", state, "", why, False)
