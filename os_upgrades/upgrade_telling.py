"""Where a scale set stands, in one line for people."""

from __future__ import annotations

from os_upgrades.image_upgrade import by_hand
from os_upgrades.progress import COMPLETED
from os_upgrades.upgrade_declaration import ImageUpgradeDeclaration, Start
from os_upgrades.upgrade_look import Seen, scale_set_version


def line(seen: Seen, declared: ImageUpgradeDeclaration | None = None) -> str:
    """`4 of 10 instances run 1.0.0, Azure rolls 1.0.1 out: 4 upgraded, 2 in progress, 4 to go`. Without a declaration
    nothing is said of who begins."""
    count, behind, latest = len(seen.members), len(seen.behind), seen.latest
    ill = [member.name for member in seen.members if member.health == "unhealthy" or member.state == "Failed"]
    sick = f"; not healthy: {', '.join(ill)}" if ill else ""
    if seen.running and seen.upgrade is not None:
        counts = seen.upgrade.counts
        parts = [f"{counts.successful} upgraded", f"{counts.in_progress} in progress", f"{counts.pending} to go"]
        parts += [f"{counts.failed} failed"] if counts.failed else []
        waits = "; each waits for its approval" if seen.deferred and not counts.in_progress else ""
        return f"Azure rolls {seen.upgrade.version or latest} out: {', '.join(parts)}{waits}{sick}"
    named = bool(scale_set_version(seen.scale_set))
    which = f"{latest}, which the model names" if named else f"{latest}, the latest"
    if not behind:
        return f"{count} of {count} instances run {which}{sick}"
    then = "no OS upgrade goes there" if named else _next(seen, declared)
    return f"{behind} of {count} instances do not run {which}; {then}{sick}"


def _next(seen: Seen, declared: ImageUpgradeDeclaration | None) -> str:
    tried = next((entry for entry in seen.history if entry.version == seen.latest), None)
    failed = f"the last upgrade to it is {tried.code}" if tried is not None and tried.code != COMPLETED else ""
    if declared is None:
        left = by_hand(seen, ImageUpgradeDeclaration(seen.scale_set.id, start=Start.AUTO))
        return failed or ("nothing begins an upgrade by itself" if left else "Azure begins the upgrade by itself")
    begins = "this run begins the upgrade" if by_hand(seen, declared) else "Azure begins the upgrade by itself"
    return f"{failed}; {begins}" if failed else begins
