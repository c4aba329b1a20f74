"""Which hosts need work, in which order, and how a preview says it. Pure: from what is observed to records and text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass, replace

from rollout import cleanup, names, vm_template
from rollout.arm import Disk
from rollout.decisions import holds
from rollout.declaration import Declaration
from rollout.errors import InvalidDeclaration, PreCheckFailed
from rollout.hand_off import HandOff
from rollout.images import Image, same_image, short, step
from rollout.names import rollout_id
from rollout.observation import Host, Pool, natural
from rollout.pool_record import RolloutRecord, State
from rollout.protection import Policy
from rollout.record import ENDED, UNAVAILABLE, Phase


@dataclass(frozen=True)
class Work:
    """One host that needs work."""

    host: str
    """Name of the VM."""
    from_image: str
    """Short: the version, or `unknown`."""
    to: str
    reasons: tuple[str, ...]
    """Why: image, vm_size, os_disk_type, retry after failure, half done."""
    canary: bool = False
    """Among the first hosts, which must bake alone. Which ones those are in the end, the sessions decide, unless they
    were declared by name or by zone."""
    revert: Disk | None = None
    """A kept disk that runs the target: it is attached again, nothing is built."""
    order: int = 0
    """Position, from 0, in which work starts."""
    text: str = ""
    """The line of the plan, without the canary mark."""


OFF = ("Shutdown", "NoHeartbeat", "Unavailable", "Disconnected")
"""Session host statuses of a host that serves nobody: it comes first, because nobody has to leave it."""


def hosts_to_update(
    pool: Pool, image: Image, declaration: Declaration, *, by_sessions: bool = True
) -> tuple[Work, ...]:
    """The hosts that need work, in the order in which it starts: half done by an earlier run, then a canary that was
    declared by name or by zone, then those that are off, then those that drain or have no sessions, then those with the
    fewest. Among equals the zones take turns. Without `by_sessions`: by name instead. Protected hosts come last, or not
    at all, as declared.

    Raises InvalidDeclaration for a name in include, exclude or canary.names that is no host.
    """
    chosen = _chosen(pool, declaration)
    works = [
        (host, work)
        for host in pool.hosts
        if (work := _work(host, image, declaration)) is not None
        and (host.name in chosen or half_done(host))
        and not _skipped(host, declaration)
    ]
    hosts = [host for host, _ in works]
    by_name_only = sorted(hosts, key=lambda host: (not half_done(host), natural(host.name)))
    ordered = _in_order(hosts, pool.observed_at) if by_sessions else by_name_only
    ordered.sort(key=lambda host: bool(declaration.protection.of(host.vm)))  # those that wait for somebody come last
    by_name = {work.host: work for _, work in works}
    canaries = _canaries(pool, image, declaration, ordered)
    if declaration.canary.chosen:
        ordered.sort(key=lambda host: (not half_done(host), host.name not in canaries))
    return tuple(
        replace(by_name[host.name], order=position, canary=host.name in canaries)
        for position, host in enumerate(ordered)
    )


def rebuild(pool: Pool, name: str, image: Image) -> tuple[Work, ...]:
    """The work of one host that gets a fresh disk of the version it shall run; none where the attempt did that already.

    Raises InvalidDeclaration for a name that is no host, PreCheckFailed while a rollout of the pool is not ended.
    """
    host = pool.host(name)
    if host is None:
        known = ", ".join(host.name for host in pool.hosts[:10])
        raise InvalidDeclaration("host", name, f"is no host of pool {pool.name}", f"its hosts are {known}")
    record = pool.record
    if record is not None and record.resumable and record.t.lower() != host.name.lower():
        raise PreCheckFailed(
            f"pool {pool.name}: a rollout is {record.st}; let it end first (pulumi up), then rebuild {host.name}"
        )
    if record is not None and record.resumable and host.record is None:
        key = names.build_key(host.vm.vm_id, image.id, record.a)
        if host.vm.os_disk_name == names.new_disk(host.name, key):
            return ()  # a crash came between the end of its work and that of the attempt
    return (Work(host.name, short(host.image), short(image.id), ("rebuild",), canary=True, text="rebuild"),)


def lines(pool: Pool, image: Image, declaration: Declaration, works: Sequence[Work] | None = None) -> dict[str, str]:
    """The `plan` of a preview: host -> `1.0.0 -> 1.0.1 (canary)`, and what else an update would do: `cleanup` of kept
    disks past their date and of a crash's leftovers, `vmTemplate`, `rollout` for an attempt that only has to be ended.
    Empty when there is nothing to do. `works` are those of `hosts_to_update`, where the caller has them already."""
    works = hosts_to_update(pool, image, declaration) if works is None else works
    plan = {work.host: f"{work.text} (canary)" if work.canary else work.text for work in works}
    leftovers = _leftovers(pool, wanted_id(image, declaration) if works else None)
    if leftovers:
        plan["cleanup"] = leftovers
    if works and declaration.hand_off is HandOff.SOFT:
        plan["hand_off"] = "soft: old hosts that wait take new sessions only while the load needs them"
    if works and vm_template.merged(_template(pool), image, declaration) is not None:
        size = f", size {declaration.vm_size}" if declaration.vm_size else ""
        plan["vmTemplate"] = f"image {short(image.id)}{size}"
    if not plan and pool.record is not None and pool.record.resumable:
        plan["rollout"] = f"attempt {pool.record.a} has no hosts left and is to be ended"
    return plan


def state_line(pool: Pool, image: Image, declaration: Declaration, works: Sequence[Work] | None = None) -> str:
    """Where the pool stands, in one line: `paused, 4 of 12 done`. `works` as for `lines`."""
    works = hosts_to_update(pool, image, declaration) if works is None else works
    record = pool.record
    ongoing = rollout_of(pool, image, declaration)
    if ongoing is not None:
        paused = ongoing.st is State.PAUSED or bool(pool.tags.get(names.PAUSE))
        done = f"{max(0, ongoing.n - len(works))} of {ongoing.n} done"
        held = holds(declaration, ongoing, pool.tags)
        return f"paused by {held}, {done}" if held else f"{'paused' if paused else 'running'}, {done}"
    more = f"; {len(pool.ghosts)} session hosts without a VM" if pool.ghosts else ""
    spared = [host.name for host, _ in protected(pool, image, declaration)]
    if spared and declaration.protection.policy is Policy.SKIP:
        more += f"; protected: {', '.join(spared)}"
    if not works:
        return f"complete, {len(pool.hosts) - len(spared)} of {len(pool.hosts)} hosts run {short(image.id)}{more}"
    failed = sum(1 for host in pool.hosts if host.record is not None and host.record.p in ENDED)
    after = f" after {record.st}, {failed} failed" if record is not None and failed else ""
    return f"{len(works)} of {len(pool.hosts)} hosts need work{after}{more}"


def rollout_of(pool: Pool, image: Image, declaration: Declaration) -> RolloutRecord | None:
    """The record of the attempt that an update would go on with, or None where it would begin one."""
    record = pool.record
    return record if record is not None and record.resumable and record.r == wanted_id(image, declaration) else None


def wanted_id(image: Image, declaration: Declaration) -> str:
    """Id of the rollout that brings the pool to the declared state."""
    return rollout_id(declaration.host_pool_id, image.id, declaration.vm_size, declaration.os_disk_type)


def protected(pool: Pool, image: Image, declaration: Declaration) -> tuple[tuple[Host, str], ...]:
    """The hosts that are to be updated and that somebody protects, with the reason."""
    chosen = _chosen(pool, declaration)
    return tuple(
        (host, why)
        for host in pool.hosts
        if (why := declaration.protection.of(host.vm))
        and host.name in chosen
        and not half_done(host)
        and _work(host, image, declaration) is not None
    )


def _skipped(host: Host, declaration: Declaration) -> bool:
    protection = declaration.protection
    return protection.policy is Policy.SKIP and bool(protection.of(host.vm)) and not half_done(host)


def half_done(host: Host) -> bool:
    """An earlier run left it in the middle: it is brought home whatever include and exclude say."""
    return host.record is not None and host.record.p not in ENDED


def _chosen(pool: Pool, declaration: Declaration) -> frozenset[str]:
    """Names of the hosts that include and exclude leave."""
    known = {host.name.lower() for host in pool.hosts}
    lists = (
        ("include", declaration.include),
        ("exclude", declaration.exclude),
        ("canary.names", declaration.canary.names),
    )
    for prop, names_given in lists:
        for i, name in enumerate(names_given):
            if name.lower() not in known:
                there = ", ".join([host.name for host in pool.hosts][:10]) or "none"
                more = f" and {len(pool.hosts) - 10} more" if len(pool.hosts) > 10 else ""
                raise InvalidDeclaration(
                    f"{prop}[{i}]",
                    name,
                    f"is no host of pool {pool.name}",
                    f"its hosts (names of VMs) are {there}{more}",
                )
    include = {name.lower() for name in declaration.include}
    exclude = {name.lower() for name in declaration.exclude}
    return frozenset(
        host.name
        for host in pool.hosts
        if (not include or host.name.lower() in include) and host.name.lower() not in exclude
    )


def _work(host: Host, image: Image, declaration: Declaration) -> Work | None:
    """What a host needs, or None."""
    reasons: list[str] = []
    notes: list[str] = []
    size, kind = declaration.vm_size, declaration.os_disk_type
    has_kind = host.os_disk.sku if host.os_disk is not None else ""
    if not same_image(host.image, image.id):
        reasons.append("image")
    if size and size.lower() != host.vm.size.lower():
        reasons.append("vm_size")
        notes.append(f"size {host.vm.size} -> {size}")
    if kind and has_kind and kind.lower() != has_kind.lower():
        reasons.append("os_disk_type")
        notes.append(f"disk {has_kind} -> {kind}")
    record = host.record
    if record is not None and half_done(host):
        reasons.append(f"half done: {record.p}")
        notes.append(f"half done: {record.p}")
    elif record is not None and (record.p is Phase.FAILED or (record.p in ENDED and reasons)):
        reasons.append("retry after failure")
        notes.append(f"retry, {record.p} before{': ' + record.w if record.w else ''}")
    if not reasons:
        return None
    revert = _way_back(host, image, declaration) if not half_done(host) else None
    if revert is not None:
        notes.append("kept disk")
    if declaration.protection.of(host.vm):
        notes.append("protected: waits")
    text = step(host.image, image.id) + (f" ({'; '.join(notes)})" if notes else "")
    return Work(host.name, short(host.image), short(image.id), tuple(reasons), revert=revert, text=text)


def _way_back(host: Host, image: Image, declaration: Declaration) -> Disk | None:
    """The newest kept disk that runs the target and fits the VM: a disk of another security type is no way back."""
    for disk in host.kept:
        if (
            disk.tags.get(names.DISK_STATE) == "old"
            and same_image(disk.tags.get(names.DISK_IMAGE) or disk.source_image, image.id)
            and disk.security_type == host.vm.security_type
            and same_key(disk, host.os_disk)
            and (not declaration.os_disk_type or disk.sku.lower() == declaration.os_disk_type.lower())
        ):
            return disk
    return None


def same_key(one: Disk, other: Disk | None) -> bool:
    """Both are encrypted under the same disk encryption set, or under none: a swap may not change it."""
    return other is None or (one.encryption_set or "").lower() == (other.encryption_set or "").lower()


def _rank(host: Host, at: float) -> tuple[int, int]:
    """Class and sessions, in the order in which work starts."""
    if half_done(host):
        return 0, 0
    session_host = host.session_host
    if session_host is None or host.deallocated or session_host.status in OFF or not session_host.beats(at):
        return 1, 0
    if session_host.sessions == 0:
        return 2, 0 if not session_host.allow_new_session else 1
    return 3, session_host.sessions


def _in_order(hosts: Iterable[Host], at: float) -> list[Host]:
    """By rank; among equals the zones take turns, then by name."""
    seen: Counter[tuple[tuple[int, int], tuple[str, ...]]] = Counter()
    keyed = []
    for host in sorted(hosts, key=lambda h: natural(h.name)):
        rank = _rank(host, at)
        turn = seen[rank, host.vm.zones]
        seen[rank, host.vm.zones] += 1
        keyed.append(((rank, turn, natural(host.name)), host))
    return [host for _, host in sorted(keyed, key=lambda pair: pair[0])]


def _canaries(pool: Pool, image: Image, declaration: Declaration, ordered: Sequence[Host]) -> frozenset[str]:
    """Names of the canary hosts that are yet to go: an attempt that goes on has some behind it."""
    attempt, canary = rollout_of(pool, image, declaration), declaration.canary
    if attempt is not None and attempt.c:
        return frozenset()
    behind = max(0, attempt.n - len(ordered)) if attempt is not None else 0
    if canary.names:
        wanted = {name.lower() for name in canary.names}
        named = frozenset(host.name for host in ordered if host.name.lower() in wanted)
        # Where all of them run the image already, another host goes first: nobody follows an image untried.
        return named if named or behind else frozenset(host.name for host in ordered[:1])
    if canary.per_zone:
        made = {host.vm.zones for host in pool.hosts if attempt is not None and _made_by(host, image, attempt.a)}
        return _first_of_zones(ordered, made)
    fresh = [host.name for host in ordered if not half_done(host)]
    return frozenset(fresh[: max(0, canary.hosts - behind)])


def _first_of_zones(ordered: Sequence[Host], done: Container[tuple[str, ...]]) -> frozenset[str]:
    """The first host of each zone but those that have one behind them: one that is out already, where there is one."""
    first: dict[tuple[str, ...], Host] = {}
    for host in sorted(ordered, key=lambda host: host.record is None or host.record.p not in UNAVAILABLE - ENDED):
        first.setdefault(host.vm.zones, host)
    return frozenset(host.name for zones, host in first.items() if zones not in done)


def _made_by(host: Host, image: Image, attempt: int) -> bool:
    """The host is done, on a disk that this attempt has built. (One that was kept before says nothing of attempts.)"""
    key = names.build_key(host.vm.vm_id, image.id, attempt)
    return not half_done(host) and host.vm.os_disk_name == names.new_disk(host.name, key)


def _leftovers(pool: Pool, wanted: str | None) -> str:
    """`12 disks`, or empty. Finished disks of the `wanted` rollout are used."""
    resumed = pool.record.r if pool.record is not None and pool.record.resumable else None
    vms, disks = cleanup.orphans(pool, keep_ready_of=wanted or resumed)
    count = len(cleanup.expired(pool, pool.observed_at)) + len(disks)
    parts = [_some(count, "disk"), _some(len(vms), "temporary VM")]
    return ", ".join(part for part in parts if part)


def _some(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}" if count else ""


def _template(pool: Pool) -> str | None:
    value = (pool.body.get("properties") or {}).get("vmTemplate")
    return str(value) if value else None
