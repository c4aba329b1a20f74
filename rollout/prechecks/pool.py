"""The pool itself: its kind, its load against the floor, and who else works on it."""

from __future__ import annotations

from collections.abc import Iterator

from rollout import lease, names
from rollout.arm import dig
from rollout.capacity import UNSET, declared_session_limit, floor, serving, sessions
from rollout.clock import iso
from rollout.declaration import Declaration
from rollout.observation import Pool
from rollout.prechecks.facts import Facts
from rollout.prechecks.findings import Finding, error, some, warning


def kind(pool: Pool) -> Iterator[Finding]:
    """Pools that this cannot update at all."""
    subject = f"host_pool_id: {pool.id!r}"
    if str(dig(pool.body, "properties", "hostPoolType") or "").lower() == "personal":
        yield error(
            "personal-pool",
            subject,
            "hostPoolType is Personal: a new OS disk would take the user's own system away",
            "declare a pooled host pool",
        )
    if str(dig(pool.body, "properties", "managementType") or "").lower() == "automated":
        yield error(
            "automated-pool",
            subject,
            "managementType is Automated: Azure itself makes and replaces its session hosts",
            "use Azure's session host update for it, or declare a pool of managementType Standard",
        )
    if not pool.hosts and not pool.out_of_reach:
        yield error(
            "empty-pool",
            subject,
            "the pool has no session hosts with an Azure VM",
            "add hosts to it first (Azure portal: Host pools > the pool > Session hosts > Add)",
        )


def session_limit(facts: Facts) -> Iterator[Finding]:
    pool = facts.pool
    if declared_session_limit(pool) is None and facts.declaration.sessions_per_host is None:
        yield error(
            "no-session-limit",
            "sessions_per_host: None",
            f"is missing, and pool {pool.name} has no session limit (maxSessionLimit {UNSET}), so the capacity that "
            "users need cannot be known",
            "declare sessions_per_host, or set the pool's limit "
            f"(az desktopvirtualization hostpool update --ids {pool.id} --max-session-limit <n>)",
        )


def capacity(facts: Facts) -> Iterator[Finding]:
    """A floor that leaves no host to take out."""
    pool, declaration = facts.pool, facts.declaration
    total = len(pool.hosts)
    least = declaration.min_serving.rounded_up(total)
    out = min(declaration.max_unavailable.of(total), total)
    up = serving(pool.hosts, at=pool.observed_at, accept=declaration.verify.accept)
    limit = declared_session_limit(pool) or declaration.sessions_per_host
    if least > total - 1:
        yield error(
            "floor-never-holds",
            f"min_serving: {str(declaration.min_serving)!r}",
            f"{least} of {total} hosts must serve, so none can ever be taken out of service",
            f"declare at most {max(0, total - out)} (the pool has {total} hosts, max_unavailable is "
            f"{declaration.max_unavailable})",
        )
    elif least > total - out:
        yield warning(
            "floor-narrows-window",
            f"min_serving: {str(declaration.min_serving)!r}",
            f"{least} of {total} hosts must serve, so at most {total - least} are out at once, not max_unavailable "
            f"({declaration.max_unavailable})",
            f"declare at most {total - out}, if max_unavailable is meant",
        )
    if limit is not None and least <= total - 1:
        wanted = floor(sessions(pool.hosts), total, declaration, limit)
        yield from _reachable(facts, [host.name for host in up], least, wanted)


def _reachable(facts: Facts, up: list[str], least: int, wanted: int) -> Iterator[Finding]:
    """A floor that the hosts which are switched on just hold: none of them could go, and the run would be paused."""
    if wanted < len(up) or not set(up) & {host.name for host in facts.hosts}:
        return
    if least >= len(up):
        yield warning(
            "floor-not-reachable",
            some(up),
            f"min_serving asks for {least} serving hosts and {len(up)} serve now: however few users there are, none of "
            "them can be taken out of service, and the rollout is paused after two hours in which nothing goes on",
            f"switch on {least + 1 - len(up)} more for its time (az vm start --ids <vm>), or declare min_serving: "
            f"{max(0, len(up) - 1)}",
        )
        return
    yield warning(
        "floor-holds-hosts-back",
        f"pool {facts.pool.name}",
        f"{sessions(facts.pool.hosts)} sessions need {wanted} serving hosts and {len(up)} serve now: no host can be "
        "drained before some have signed out; after two hours in which nothing goes on the rollout is paused",
        "run it when fewer users are signed in, switch more hosts on, or lower headroom or min_serving",
    )


def draining(facts: Facts) -> Iterator[Finding]:
    """All hosts drained: somebody else is at work."""
    pool = facts.pool
    if pool.hosts and not any(h.session_host and h.session_host.allow_new_session for h in pool.hosts):
        yield warning(
            "all-drained",
            f"pool {pool.name}",
            "every host is in drain mode; they are given back as they were found",
            "check that nobody else maintains the pool",
        )


def others(facts: Facts) -> Iterator[Finding]:
    """Another rollout, or a pause, seen in the pool's tags. At the start the lease itself decides."""
    pool = facts.pool
    holder = lease.decode(pool.tags.get(names.LEASE))
    if holder is not None and holder.owner != "nobody" and holder.until > pool.observed_at:
        yield warning(
            "lease-held",
            f"pool {pool.name}",
            f"another rollout holds the lease: {holder.owner}, until {iso(holder.until)} if it is not renewed",
            f"wait for it, or pause it (hostpool --host-pool {pool.id} pause)",
        )


def paused(pool: Pool, declaration: Declaration) -> Iterator[Finding]:
    who = pool.tags.get(names.PAUSE)
    if who:
        yield warning(
            "paused",
            f"pool {pool.name}",
            f"the rollout was paused by {who}: an update starts no host",
            f"hostpool --host-pool {declaration.host_pool_id} resume",
        )
