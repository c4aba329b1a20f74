"""The directory: Active Directory computer objects and Microsoft Entra devices, by computer name.

One secret per object. An AD join sets a new computer password (here: a generation number), the disk that joined keeps
it, and every other disk of that name is left with an outdated one: its secure channel is broken (DomainTrustCheck
fails). The same holds for Entra devices: one live device of a name; a second machine of that name cannot join until
the device is deleted or has left (dsregcmd /leave).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from emulator.world import World


@dataclass
class Directory:
    """AD computers {name: {"generation", "owner"}} and live Entra devices {object id: device}, names in lower case."""

    computers: dict[str, dict[str, Any]] = field(default_factory=dict)
    devices: dict[str, dict[str, Any]] = field(default_factory=dict)
    device_generations: dict[str, int] = field(default_factory=dict)
    join_user: str | None = None
    join_password: str | None = None


def directory(world: World) -> Directory:
    """The world's directory, empty at first."""
    found: Directory = world.sections.setdefault("directory", Directory())
    return found


def set_join_account(world: World, user: str, password: str) -> None:
    """The only account that may join computers; without it any user and password do."""
    directory(world).join_user, directory(world).join_password = user, password


def join_error(world: World, name: str, user: str, password: str) -> int | None:
    """The Win32 error of a domain join by this account, or None.

    1326 wrong user name or password; 2732 (NERR_AccountReuseBlockedByPolicy, KB5020276) where the computer object was
    made by another account.
    """
    known = directory(world)
    if known.join_password is not None and (password != known.join_password or not _same_user(user, known.join_user)):
        return 1326
    owner = known.computers.get(name.lower(), {}).get("owner")
    if owner and not _same_user(user, owner):
        return 2732
    return None


def join_ad(world: World, name: str, user: str | None = None) -> int:
    """Create or reset the computer object; returns the generation of its new secret."""
    computer = directory(world).computers.setdefault(name.lower(), {"generation": 0, "owner": user})
    computer["generation"] += 1
    return int(computer["generation"])


def ad_generation(world: World, name: str) -> int | None:
    """The generation of a computer object's secret, None where there is no object."""
    computer = directory(world).computers.get(name.lower())
    return None if computer is None else int(computer["generation"])


def device_of(world: World, name: str) -> dict[str, Any] | None:
    """The live Entra device of a name."""
    return next((d for d in directory(world).devices.values() if d["displayName"].lower() == name.lower()), None)


def device_generation(world: World, name: str) -> int | None:
    """The generation of the live device of a name, None without one."""
    device = device_of(world, name)
    return None if device is None else int(device["generation"])


def register_device(world: World, name: str, vm_id: str) -> int:
    """Make the Entra device of a name; returns its generation. There must be no live one."""
    known = directory(world)
    generation = known.device_generations[name.lower()] = known.device_generations.get(name.lower(), 0) + 1
    object_id = world.guid()
    known.devices[object_id] = {
        "id": object_id,
        "deviceId": world.guid(),
        "displayName": name,
        "createdDateTime": world.iso(),
        "generation": generation,
        "vm": vm_id,
    }
    return generation


def devices(world: World) -> list[dict[str, Any]]:
    """All live Entra devices, oldest first."""
    return list(directory(world).devices.values())


def delete_device(world: World, object_id: str) -> bool:
    """Delete a device; False where there is none of that id."""
    return directory(world).devices.pop(object_id, None) is not None


def _same_user(one: str | None, other: str | None) -> bool:
    """`CONTOSO\\joiner`, `joiner@contoso.com` and `joiner` are one account here."""
    short = [(name or "").lower().rpartition("\\")[2].partition("@")[0] for name in (one, other)]
    return short[0] == short[1]
