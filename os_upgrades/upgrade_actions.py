"""Whether the caller may do what an upgrade leads to, so that a missing right is known before anything is begun."""

from __future__ import annotations

from collections.abc import Iterator

from os_upgrades.image_upgrade import by_hand
from os_upgrades.upgrade_declaration import NONE, ImageUpgradeDeclaration, Stopped
from os_upgrades.upgrade_look import Seen, UpgradeAzure
from os_upgrades.upgrade_rights import APPROVE, CANCEL, START
from rollout.errors import Forbidden, NotFound
from rollout.prechecks.rights import allows


def needed(declared: ImageUpgradeDeclaration, seen: Seen) -> Iterator[tuple[str, str]]:
    """The writing actions that this declaration leads to, each with its scope; what is read has been read."""
    own = seen.scale_set.id
    if seen.behind and not seen.running and by_hand(seen, declared):
        yield own, START
    if declared.when_stopped is Stopped.CANCEL:
        yield own, CANCEL
    if seen.deferred and declared.approve != NONE:
        yield own, APPROVE


async def missing(azure: UpgradeAzure, declared: ImageUpgradeDeclaration, seen: Seen) -> str:
    """What the caller lacks, in one line, or nothing. Where permissions may not be read, Azure's refusal says it."""
    wanted = [action for _, action in needed(declared, seen)]
    if not wanted:
        return ""
    try:
        permissions = await azure.list_permissions(seen.scale_set.id)
    except (Forbidden, NotFound):
        return ""
    lacking = [action for action in wanted if not allows(permissions, action)]
    if not lacking:
        return ""
    return (
        f"scale_set_id: {declared.scale_set_id!r}: the role lacks {', '.join(lacking)} there; add "
        f"{'it' if len(lacking) == 1 else 'them'} to the updater's role"
    )
