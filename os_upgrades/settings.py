"""The settings of a scale set that a declaration is about, each by its path below `properties`: what is declared, what
is there, how the two differ, and the PATCH that brings one to the other. Pure functions.

A setting that Azure does not show has Azure's default, so that what was found can be given back value by value. The
Application Health extension is a setting too: `extensions.<name>` is its properties, or None for none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from os_upgrades import health
from os_upgrades.declaration import ScaleSetDeclaration
from os_upgrades.scale_set import ScaleSet, merged
from os_upgrades.values import iso
from rollout.arm import dig
from rollout.azure import Body
from rollout.errors import InvalidDeclaration, shown
from rollout.values import duration

Settings = dict[str, Any]
"""Values by path, such as `upgradePolicy.mode`; JSON."""

AUTOMATIC = "upgradePolicy.automaticOSUpgradePolicy"
ROLLING = "upgradePolicy.rollingUpgradePolicy"
EVENTS = "virtualMachineProfile.scheduledEventsProfile"
PROBE = "virtualMachineProfile.networkProfile.healthProbe"
IMAGE = "virtualMachineProfile.storageProfile.imageReference"
WINDOWS_UPDATES = "virtualMachineProfile.osProfile.windowsConfiguration.enableAutomaticUpdates"
HOOKS = "lifecycleHooksProfile.lifecycleHooks"
EXTENSIONS = "extensions."
"""Prefix of the path of an extension."""

DEFAULTS: Mapping[str, Any] = {
    "upgradePolicy.mode": "Manual",
    f"{AUTOMATIC}.enableAutomaticOSUpgrade": False,
    f"{AUTOMATIC}.disableAutomaticRollback": False,
    f"{AUTOMATIC}.useRollingUpgradePolicy": False,
    f"{AUTOMATIC}.osRollingUpgradeDeferral": False,
    f"{ROLLING}.maxBatchInstancePercent": 20,
    f"{ROLLING}.maxUnhealthyInstancePercent": 20,
    f"{ROLLING}.maxUnhealthyUpgradedInstancePercent": 20,
    f"{ROLLING}.pauseTimeBetweenBatches": "PT0S",
    f"{ROLLING}.enableCrossZoneUpgrade": False,
    f"{ROLLING}.prioritizeUnhealthyInstances": False,
    f"{ROLLING}.rollbackFailedInstancesOnPolicyBreach": False,
    f"{ROLLING}.maxSurge": False,
    PROBE: None,
    IMAGE: None,
    f"{EVENTS}.osImageNotificationProfile": {"enable": False, "notBeforeTimeout": "PT15M"},
    f"{EVENTS}.terminateNotificationProfile": {"enable": False, "notBeforeTimeout": "PT5M"},
    WINDOWS_UPDATES: True,
    HOOKS: [],
}
"""Every setting but the extension, with the value that is in force where Azure shows none."""
_DURATIONS = ("pauseTimeBetweenBatches", "notBeforeTimeout", "waitDuration")


def declared(declaration: ScaleSetDeclaration, scale_set: ScaleSet, known: Settings) -> Settings:
    """What the declaration makes of this scale set. A declared source of health takes the place of the other one.
    `known`: what was found before, with the health extension that was taken away."""
    found: Settings = {}
    if declaration.upgrade_policy is not None:
        found |= _flat("upgradePolicy", declaration.upgrade_policy.body())
    if declaration.image_reference is not None:
        found[IMAGE] = declaration.image_reference
    for name, notification in (
        ("osImageNotificationProfile", declaration.os_image_notification),
        ("terminateNotificationProfile", declaration.terminate_notification),
    ):
        if notification is not None:
            found[f"{EVENTS}.{name}"] = notification.body()
    if declaration.windows_automatic_updates is not None:
        found[WINDOWS_UPDATES] = declaration.windows_automatic_updates
    if declaration.lifecycle_hooks is not None:
        found[HOOKS] = [hook.body() for hook in declaration.lifecycle_hooks]
    return found | _health(declaration, scale_set, known)


def _health(declaration: ScaleSetDeclaration, scale_set: ScaleSet, known: Settings) -> Settings:
    there, source = scale_set.health_extension, declaration.health
    if source is None:
        return {}
    if source.extension is None:
        others = [path for path in known if path.startswith(EXTENSIONS)]
        others += [f"{EXTENSIONS}{there.name}"] if there is not None else []
        return {PROBE: {"id": source.probe_id}, **dict.fromkeys(others)}
    name = there.name if there is not None else health.EXTENSION
    return {f"{EXTENSIONS}{name}": source.extension.body(windows=scale_set.windows), PROBE: None}


def observed(scale_set: ScaleSet, paths: Iterable[str]) -> Settings:
    """What is there, at these paths."""
    return {path: _value(scale_set, path) for path in paths}


def _value(scale_set: ScaleSet, path: str) -> Any:
    if path.startswith(EXTENSIONS):
        name = path.removeprefix(EXTENSIONS).lower()
        return next((e.properties for e in scale_set.extensions if e.name.lower() == name), None)
    found, default = dig(scale_set.properties, *path.split(".")), DEFAULTS[path]
    if isinstance(default, Mapping):
        return {**default, **(found or {})}
    return default if found is None else found


def differing(wanted: Settings, there: Settings) -> Settings:
    """Those of the wanted values that are not there yet."""
    return {path: value for path, value in wanted.items() if not _same(path, value, there.get(path))}


def _same(path: str, one: Any, other: Any) -> bool:
    if path.startswith(EXTENSIONS):
        return bool(_extension(one) == _extension(other))
    if path == IMAGE:
        return bool(_reference(one) == _reference(other))
    if path == HOOKS:
        return [_plain(each) for each in _by_type(one)] == [_plain(each) for each in _by_type(other)]
    name = path.rpartition(".")[2]
    return bool(_plain({name: one}) == _plain({name: other}))


def _plain(value: Any) -> Any:
    """A value that can be compared: ids in lower case, durations in seconds."""
    if isinstance(value, Mapping):
        return {name: _seconds(item) if name in _DURATIONS else _plain(item) for name, item in value.items()}
    return value.lower() if isinstance(value, str) else value


def _seconds(value: Any) -> Any:
    try:
        return float(duration("", value))
    except InvalidDeclaration:
        return value


def _by_type(hooks: Any) -> list[Any]:
    return sorted(hooks or (), key=lambda hook: str(hook.get("type")))


def _extension(properties: Any) -> Any:
    """What makes an extension: Azure adds to it what nobody declared."""
    if properties is None:
        return None
    return {
        **{name: str(properties.get(name)).lower() for name in ("publisher", "type", "typeHandlerVersion")},
        "settings": properties.get("settings") or {},
    }


def _reference(reference: Any) -> Any:
    """Azure adds exactVersion."""
    return {name: str(value).lower() for name, value in (reference or {}).items() if value and name != "exactVersion"}


def _named(reference: Any) -> set[str]:
    """By what members a reference names its image."""
    return set(_reference(reference)) - {"version"}


def patch(changes: Settings) -> Body:
    """The PATCH of all changes but those of extensions; empty for none."""
    body: Body = {}
    for path, value in changes.items():
        if path.startswith(EXTENSIONS):
            continue
        at = body.setdefault("properties", {})
        *above, name = path.split(".")
        for part in above:
            at = at.setdefault(part, {})
        at[name] = value
    return body


def extension_changes(changes: Settings) -> dict[str, Body | None]:
    """Extensions by name: those to be written with their properties, those to be taken away with None."""
    return {path.removeprefix(EXTENSIONS): value for path, value in changes.items() if path.startswith(EXTENSIONS)}


def of_switches(changes: Settings) -> Settings:
    """The changes that let Azure begin to upgrade: the mode, and automatic OS upgrades. All others come before."""
    return {
        path: value for path, value in changes.items() if path == "upgradePolicy.mode" or path.startswith(AUTOMATIC)
    }


def in_one_write(changes: Settings, scale_set: ScaleSet) -> bool:
    """Whether the changes take a PUT of the whole model, as `az vmss update` makes it.

    So they do where a source of health is taken away or takes the place of the other: a PATCH takes nothing away, and
    Azure takes no model with both sources. So with an image of another kind, a gallery's in place of the marketplace's.
    And where more than one write would change a model that Azure rolls out at once: it refuses the second
    (github.com/hashicorp/terraform-provider-azurerm/issues/7002).
    """
    extensions = extension_changes(changes)
    if PROBE in changes and (changes[PROBE] is None or extensions):
        return True
    if IMAGE in changes and _named(changes[IMAGE]) != _named(scale_set.image_reference):
        return True
    others = any(path.startswith("virtualMachineProfile.") for path in changes)
    return not scale_set.by_hand and (len(extensions) > 1 or bool(extensions and others))


def applied(scale_set: ScaleSet, changes: Settings) -> ScaleSet:
    """The scale set as it will be: what the rules judge."""
    body = merged(scale_set.body, patch(changes))
    if IMAGE in changes:
        body["properties"]["virtualMachineProfile"]["storageProfile"]["imageReference"] = changes[IMAGE] or {}
    written = extension_changes(changes)
    kept = [e for e in _listed(scale_set) if str(e.get("name")).lower() not in {name.lower() for name in written}]
    new = [{"name": name, "properties": properties} for name, properties in written.items() if properties is not None]
    if written:
        profile = {"extensionProfile": {"extensions": [*kept, *new]}}
        body = merged(body, {"properties": {"virtualMachineProfile": profile}})
    return ScaleSet(body)


def _listed(scale_set: ScaleSet) -> list[Body]:
    return [dict(each) for each in dig(scale_set.profile, "extensionProfile", "extensions") or ()]


def described(changes: Settings, there: Settings) -> dict[str, str]:
    """What a preview shows: `{"upgradePolicy.mode": "'Manual' -> 'Rolling'"}`."""
    return {path: f"{_shown(path, there.get(path))} -> {_shown(path, value)}" for path, value in changes.items()}


def _shown(path: str, value: Any) -> str:
    if value is None:
        return "none"
    if path.startswith(EXTENSIONS):
        settings = ", ".join(f"{name} {setting}" for name, setting in (value.get("settings") or {}).items())
        return f"{value.get('type')} {value.get('typeHandlerVersion')} ({settings})"
    if path == HOOKS:
        return ", ".join(f"{hook.get('type')} {hook.get('waitDuration', '')}".strip() for hook in value) or "none"
    if path.startswith(EVENTS):
        return f"on, {value['notBeforeTimeout']}" if value["enable"] else "off"
    if isinstance(value, Mapping):
        return str(value["id"]) if "id" in value else ":".join(str(part) for part in value.values())
    if path.rpartition(".")[2] in _DURATIONS:
        return iso(_seconds(value)) if isinstance(_seconds(value), float) else str(value)
    return shown(value).strip("'")


def _flat(prefix: str, body: Mapping[str, Any]) -> Settings:
    found: Settings = {}
    for name, value in body.items():
        path = f"{prefix}.{name}"
        found |= _flat(path, value) if isinstance(value, Mapping) else {path: value}
    return found
