"""Credentials that an extension of a scale set uses, and whether they have run out.

Seen are a shared access signature in a URL of the settings (its end `se`) and a key vault secret that the protected
settings are read from. That an upgrade then fails and leaves its first batch failed:
learn.microsoft.com/azure/virtual-machine-scale-sets/virtual-machine-scale-sets-automatic-upgrade ("Keep credentials up
to date").
"""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

from emulator import clock
from emulator.keyvault import secrets
from emulator.wire import ArmError, Body
from emulator.world import Resource, World


def expired(world: World, extension: Resource) -> str | None:
    """What is wrong with the credentials of an extension, in the handler's words; None if nothing is."""
    properties = extension.body["properties"]
    for uri in _uris([properties.get("settings"), extension.hidden.get("protectedSettings")]):
        if _over(world, uri):
            return (
                f"Failed to download file {urlsplit(uri).path}: 403 Server failed to authenticate the request. "
                f"Signature "
                "not valid in the specified time frame."
            )
    source = properties.get("protectedSettingsFromKeyVault")
    if source and not _readable(world, source):
        return f"The protected settings cannot be read from {source.get('secretUrl')}: missing, disabled or expired."
    return None


def _over(world: World, uri: str) -> bool:
    ends = parse_qs(urlsplit(uri).query).get("se")
    if not ends:
        return False
    try:
        return clock.parse(ends[0]) <= world.now
    except ValueError:
        return True


def _readable(world: World, source: Body) -> bool:
    vault = world.get(str((source.get("sourceVault") or {}).get("id") or ""))
    parts = [part for part in urlsplit(str(source.get("secretUrl") or "")).path.split("/") if part]
    if vault is None or len(parts) < 2:
        return False
    try:
        _, version = secrets.find(vault, parts[1], parts[2] if len(parts) > 2 else None)
    except ArmError:
        return False
    attributes = version["attributes"]
    return bool(attributes["enabled"]) and float(attributes.get("exp") or world.now + 1) > world.now


def _uris(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [uri for each in value.values() for uri in _uris(each)]
    if isinstance(value, list):
        return [uri for each in value for uri in _uris(each)]
    return [value] if isinstance(value, str) and value.lower().startswith("https://") else []
