"""One look at the pool: the reads behind `status`, `explain` and `report`, within the budget of Azure's session-host
list (10 calls in 5 minutes; the engine needs its share of them)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from difflib import get_close_matches

from hostpool import logs
from hostpool.declared import stored
from hostpool.session import Session, WrongUse, pool_body
from hostpool.status import PoolStatus, status_of
from rollout import hold, turns
from rollout.azure import Azure
from rollout.declaration import Declaration
from rollout.events import Event
from rollout.observation import Host, Pool, observe

EVERY = 60.0
"""Seconds between two looks at the same pool."""


@dataclass(frozen=True)
class Look:
    pool: Pool
    declaration: Declaration | None
    """Of the last run, else of what is scheduled; None where there is neither."""
    log: tuple[Event, ...]
    """Local events of the attempt; empty where there are none."""
    status: PoolStatus


async def look(azure: Azure, session: Session) -> Look:
    """Raises WrongUse for a pool that does not exist, AzureError."""
    pool_id = session.pool_id
    body = await pool_body(azure, pool_id)
    tags = dict(body.get("tags") or {})
    declared = stored(tags, pool_id) or hold.declaration_of(tags, pool_id)
    # To observe, only the ids of the declaration count: a pool that was never rolled can be looked at too.
    pool = await observe(azure, declared or Declaration(pool_id, "", ""), at=azure.azure_time())
    record = pool.record
    found = logs.events_of(session.folder, pool.name, record.r, record.a) if record is not None else []
    status = status_of(pool, declared, at=azure.azure_time(), log=found)
    session.zone = status.zone
    upcoming = hold.declaration_of(pool.tags, pool_id)
    begins = hold.of(pool.tags) is not None or (record is not None and record.resumable) or status.to_do
    if upcoming is not None and begins and not status.working:
        status = replace(status, queue=await turns.behind(azure, upcoming, hold.moved(pool.tags, upcoming)))
    return Look(pool, declared, tuple(found), status)


def find(pool: Pool, name: str) -> Host:
    """The host of this VM name, or of this session-host name. Raises WrongUse, naming what comes near."""
    wanted = name.lower()
    # Its session-host record is deleted for a while, so the short name counts too: AVD names it <VM's name>[.<domain>].
    of_record = (h for h in pool.hosts if h.session_host is not None and h.session_host.name.lower() == wanted)
    found = pool.host(name) or next(of_record, None) or pool.host(wanted.split(".")[0])
    if found is not None:
        return found
    if wanted in (ghost.name.lower() for ghost in pool.ghosts):
        raise WrongUse(f"{name} has no Azure VM behind it: the rollout leaves it alone")
    near = get_close_matches(wanted, [host.name for host in pool.hosts], n=3, cutoff=0.5)
    hint = f"; did you mean {' or '.join(near)}?" if near else "; hostpool status lists the hosts"
    raise WrongUse(f"pool {pool.name} has no host {name}{hint}")
