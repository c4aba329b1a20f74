"""Scale sets and Batch pools, which Azure rolls by itself, in the terms of `hostpool.status`: an instance or a node is
a host there, so that one screen, one JSON and one report do for all kinds."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from hostpool.kinds import Kind
from hostpool.session import Session, WrongUse
from hostpool.status import DONE, TO_DO, HostRow, PoolStatus
from os_upgrades import batch_look
from os_upgrades.batch_look import PoolSeen
from os_upgrades.progress import CANCELLED, COMPLETED, FAULTED, Upgrade
from os_upgrades.upgrade_events import REJOIN, RELEASE, failures, rollout_of
from os_upgrades.upgrade_look import Member, Seen, look, read_upgrade
from os_upgrades.upgrade_telling import line
from rollout.azure import Azure
from rollout.record import Phase

if TYPE_CHECKING:
    from cloud.azure_cloud import AzureCloud
    from os_upgrades.upgrade_look import UpgradeAzure

STATES = {COMPLETED: "complete", FAULTED: "stopped", CANCELLED: "stopped", "": "none"}
"""The state of the last upgrade by Azure's code; any other code is `running`."""


def as_scale_set_azure(azure: Azure) -> UpgradeAzure:
    """What a session opens is all of Azure."""
    return cast("UpgradeAzure", azure)


async def status(session: Session, azure: Azure) -> PoolStatus:
    """Raises InvalidDeclaration where there is none, AzureError."""
    if session.kind is Kind.BATCH_POOL:
        return await _batch_status(session, azure)
    return scale_set_status(await look(as_scale_set_azure(azure), session.target_id, pinned=True))


async def history(session: Session, azure: Azure) -> tuple[Upgrade, ...]:
    """Azure's last five attempts within two months, the newest first. Raises WrongUse for a Batch pool."""
    if session.kind is Kind.BATCH_POOL:
        raise WrongUse(
            f"Azure keeps no history of Batch pool {session.target_name}; hostpool report shows what runs have watched"
        )
    _, entries = await read_upgrade(as_scale_set_azure(azure), session.target_id)
    return entries


def scale_set_status(seen: Seen) -> PoolStatus:
    """A scale set, as rows for people."""
    upgrade = seen.upgrade
    why = failures(seen)
    return PoolStatus(
        pool=seen.scale_set.name,
        read_at=seen.at,
        state=STATES.get(upgrade.code if upgrade is not None else "", "running"),
        rollout=rollout_of(seen.scale_set.id, seen.latest),
        attempt=1,
        target=seen.image.id,
        line=line(seen),
        owner="",
        lease_until=None,
        paused_by="",
        last="",
        scheduled="",
        queue="",
        zone="UTC",
        serving=sum(member.good for member in seen.members),
        floor=seen.floor,
        sessions=0,
        kept_disks=0,
        hosts=tuple(_instance(seen, member, why.get(member.name, "")) for member in seen.members),
        ghosts=(),
        kind=Kind.SCALE_SET,
        upgrade=upgrade.body()["properties"] if upgrade is not None else {},
    )


def _instance(seen: Seen, member: Member, why: str) -> HostRow:
    on_target = member not in seen.behind
    waits = ""
    if not on_target and seen.running:
        waits = "its approval (hostpool upgrade approve)" if seen.deferred else "its batch"
    return HostRow(
        host=member.name,
        phase=_phase(seen, member, on_target, bool(why)),
        image=member.version,
        on_target=on_target,
        status=member.health or member.state,
        new_sessions=True,
        sessions=0,
        since=None,
        waits_for="" if member.state == "Updating" else waits,
        why=why,
    )


def _phase(seen: Seen, member: Member, on_target: bool, told: bool) -> str:
    if member.state == "Failed":
        return Phase.FAILED
    if on_target:
        return DONE if member.good else REJOIN
    if member.state == "Updating":
        return RELEASE
    failed = seen.upgrade is not None and seen.upgrade.code == FAULTED and seen.upgrade.version == seen.latest
    return Phase.ROLLED_BACK if failed and told and member.good else TO_DO


# -- Batch


async def _batch_status(session: Session, azure: Azure) -> PoolStatus:
    from cloud.batch_pools import BatchPools

    seen = await batch_look.look(BatchPools(cast("AzureCloud", azure)), azure, session.target_id)
    return batch_status(seen)


def batch_status(seen: PoolSeen) -> PoolStatus:
    """A Batch pool, as rows for people. Its state is made of those of its nodes."""
    progress, tasks = seen.progress, {node.id: node.tasks for node in seen.nodes}
    states = {node.id: node.state for node in seen.nodes}
    busy = {node.id for node in progress.waits_for}
    return PoolStatus(
        pool=seen.pool.name,
        read_at=seen.at,
        state={"RollingForward": "running", "Completed": "complete", "Faulted": "stopped"}.get(progress.code, "none"),
        rollout=rollout_of(seen.pool.id, seen.latest),
        attempt=1,
        target=seen.image.id,
        line=str(progress),
        owner="",
        lease_until=None,
        paused_by="",
        last="",
        scheduled="",
        queue="",
        zone="UTC",
        serving=sum(member.good for member in seen.members),
        floor=None,
        sessions=sum(tasks.values()),
        kept_disks=0,
        hosts=tuple(
            HostRow(
                host=member.name,
                phase=_node_phase(seen, member),
                image=member.version,
                on_target=member.version == seen.latest,
                status=states[member.id],
                new_sessions=True,
                sessions=tasks[member.id],
                since=None,
                waits_for="its tasks to end" if member.id in busy else "",
                why=member.why,
            )
            for member in seen.members
        ),
        ghosts=(),
        kind=Kind.BATCH_POOL,
        upgrade=progress.body,
    )


def _node_phase(seen: PoolSeen, member: Member) -> str:
    if member.state == "Failed":
        return Phase.FAILED
    if member.state == "Updating":
        return REJOIN if member.version == seen.latest else RELEASE
    return DONE if member.version == seen.latest else TO_DO
