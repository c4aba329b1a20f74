"""Rules for what happens inside instances: who updates the guest, and credentials that must be good when an upgraded
instance runs its extensions again."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

from os_upgrades.findings import Broken
from os_upgrades.scale_set import ScaleSet
from os_upgrades.surroundings import Case
from rollout.arm import dig
from rollout.clock import iso
from rollout.errors import InvalidDeclaration
from rollout.values import moment

WINDOWS = "virtualMachineProfile.osProfile.windowsConfiguration"
EXTENSIONS = "virtualMachineProfile.extensionProfile.extensions"
SOON = 7 * 86400.0
"""Seconds before a credential ends in which it is told."""
_URL = re.compile(r"https?://[^\s\"']+")


def windows_update_is_off(case: Case) -> Iterator[Broken]:
    scale_set = case.scale_set
    enabled = dig(scale_set.profile, "osProfile", "windowsConfiguration", "enableAutomaticUpdates")
    if case.automatic_os_upgrade and scale_set.windows and enabled is not False:
        yield Broken(
            f"{WINDOWS}.enableAutomaticUpdates",
            enabled,
            "has Windows Update change the disks that automatic OS upgrades replace",
            "write windows_automatic_updates: false",
        )


def windows_settings_are_of_windows(case: Case) -> Iterator[Broken]:
    scale_set = case.scale_set
    enabled = dig(scale_set.profile, "osProfile", "windowsConfiguration", "enableAutomaticUpdates")
    os_type = str(dig(scale_set.profile, "storageProfile", "osDisk", "osType") or "")
    if enabled is not None and os_type.lower() == "linux":
        yield Broken("windows_automatic_updates", enabled, "is declared of Linux instances", "leave it out")


def patches_are_not_azures(case: Case) -> Iterator[Broken]:
    if not case.automatic_os_upgrade:
        return
    for configuration in ("windowsConfiguration", "linuxConfiguration"):
        mode = dig(case.scale_set.profile, "osProfile", configuration, "patchSettings", "patchMode")
        if str(mode or "").lower() == "automaticbyplatform":
            yield Broken(
                f"virtualMachineProfile.osProfile.{configuration}.patchSettings.patchMode",
                mode,
                "has Azure patch the disks that automatic OS upgrades replace",
                "write Manual (Windows) or ImageDefault (Linux)",
            )


def extensions_are_in_order(case: Case) -> Iterator[Broken]:
    """Extensions run again on the new disk, in the order of provisionAfterExtensions; one that waits for what is not
    there, or for itself, never does."""
    after = {
        extension.name.lower(): [
            str(name).lower() for name in extension.properties.get("provisionAfterExtensions") or ()
        ]
        for extension in case.scale_set.extensions
    }
    for extension in case.scale_set.extensions:
        prop = f"{EXTENSIONS}[{extension.name}].provisionAfterExtensions"
        named = extension.properties.get("provisionAfterExtensions") or ()
        missing = [str(name) for name in named if str(name).lower() not in after]
        if missing:
            yield Broken(prop, missing[0], "is no extension of the scale set", "correct the name, or take it away")
        elif _waits_for_itself(extension.name.lower(), after):
            yield Broken(prop, list(named), "leads back to the extension itself", "break the circle")


def _waits_for_itself(name: str, after: Mapping[str, list[str]]) -> bool:
    seen: set[str] = set()
    ahead = list(after[name])
    while ahead:
        each = ahead.pop()
        if each == name:
            return True
        if each not in seen:
            seen.add(each)
            ahead += after.get(each, [])
    return False


def sas_are_good(case: Case) -> Iterator[Broken]:
    """Of settings that can be read; what is in protectedSettings nobody sees again."""
    for prop, url, until in _sas(case.scale_set):
        if until <= case.now:
            yield Broken(
                prop,
                url,
                f"has a shared access signature that ended at {iso(until)}: the first batch would fail",
                "make a new one, write it into the extension of the model, and deploy the scale set",
            )


def sas_stay_good(case: Case) -> Iterator[Broken]:
    for prop, url, until in _sas(case.scale_set):
        if case.now < until <= case.now + SOON:
            yield Broken(
                prop,
                url,
                f"has a shared access signature that ends at {iso(until)}: an upgrade after that would fail",
                "make one that lasts longer, or use a managed identity",
            )


def secrets_are_good(case: Case) -> Iterator[Broken]:
    for prop, uri in secret_uris(case.scale_set):
        if uri not in case.surroundings.secrets:
            continue
        why = _wrong_secret(case.surroundings.secrets[uri], case.now)
        if why:
            yield Broken(
                prop, uri, f"{why}: the first batch would fail", "renew the secret in its vault, or name another"
            )


def _wrong_secret(body: Mapping[str, Any] | None, now: float) -> str:
    attributes = dig(body, "properties", "attributes") or {}
    if body is None:
        return "does not exist"
    if attributes.get("enabled") is False:
        return "is disabled"
    until = attributes.get("exp")
    return f"has expired at {iso(float(until))}" if until and float(until) <= now else ""


def secret_uris(scale_set: ScaleSet) -> Iterator[tuple[str, str]]:
    """Paths and URIs of the Key Vault secrets and certificates that the model refers to."""
    for prop, _, uri in secret_references(scale_set):
        yield prop, uri


def secret_references(scale_set: ScaleSet) -> Iterator[tuple[str, str, str]]:
    """The same with the id of the vault: path, vault, URI."""
    for extension in scale_set.extensions:
        held = extension.properties.get("protectedSettingsFromKeyVault") or {}
        if held.get("secretUrl"):
            prop = f"{EXTENSIONS}[{extension.name}].protectedSettingsFromKeyVault.secretUrl"
            yield prop, str(dig(held, "sourceVault", "id") or ""), str(held["secretUrl"])
    for i, group in enumerate(dig(scale_set.profile, "osProfile", "secrets") or ()):
        for j, certificate in enumerate(group.get("vaultCertificates") or ()):
            prop = f"virtualMachineProfile.osProfile.secrets[{i}].vaultCertificates[{j}].certificateUrl"
            yield prop, str(dig(group, "sourceVault", "id") or ""), str(certificate.get("certificateUrl") or "")


def _sas(scale_set: ScaleSet) -> Iterator[tuple[str, str, float]]:
    """Those in extensions' settings."""
    for extension in scale_set.extensions:
        yield from signatures_in(f"{EXTENSIONS}[{extension.name}].settings", extension.settings)


def signatures_in(prop: str, value: Any) -> Iterator[tuple[str, str, float]]:
    """Path, URL without its query, and end (epoch seconds) of each shared access signature in a value at any depth."""
    for path, text in _texts(prop, value):
        for url in _URL.findall(text):
            until = _end(url)
            if until is not None:
                yield path, f"{url.partition('?')[0]}?...", until


def _texts(prop: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for name, item in value.items():
            yield from _texts(f"{prop}.{name}", item)
    elif isinstance(value, list | tuple):
        for i, item in enumerate(value):
            yield from _texts(f"{prop}[{i}]", item)
    elif isinstance(value, str):
        yield prop, value


def _end(url: str) -> float | None:
    """When the shared access signature of a URL ends; None for a URL without one."""
    query = parse_qs(urlsplit(url).query)
    if "sig" not in query or "se" not in query:
        return None
    written = query["se"][0]
    try:
        return float(moment("se", written if "T" in written else f"{written}T00:00:00Z"))
    except InvalidDeclaration:
        return None
