"""The model of a scale set: what a PUT or PATCH makes of it, with Azure's defaults, and what it never shows.

Defaults are those of the recordings compute-vmss-rolling-upgrade-api (2019-07-01) and
compute-vmss-update-auto-os-upgrade (2024-07-01). What a newer API version added is left out of answers to an older one
(`as_of`).
"""

from __future__ import annotations

from emulator.compute.image_sources import Source
from emulator.compute.shapes import clone, merge
from emulator.wire import Body

ROLLING_DEFAULTS: Body = {
    "maxBatchInstancePercent": 20,
    "maxUnhealthyInstancePercent": 20,
    "maxUnhealthyUpgradedInstancePercent": 20,
    "pauseTimeBetweenBatches": "PT0S",
    "maxSurge": False,
    "rollbackFailedInstancesOnPolicyBreach": False,
}
AUTOMATIC_DEFAULTS: Body = {
    "enableAutomaticOSUpgrade": False,
    "useRollingUpgradePolicy": False,
    "disableAutomaticRollback": False,
}

_SINCE: tuple[tuple[str, str], ...] = (
    # When a property first appeared: the specifications of the versions (Azure/azure-rest-api-specs, compute).
    ("etag", "2023-07-01"),
    ("properties.orchestrationMode", "2020-12-01"),
    ("properties.timeCreated", "2022-03-01"),
    ("properties.virtualMachineProfile.timeCreated", "2023-09-01"),
    ("properties.upgradePolicy.rollingUpgradePolicy.maxSurge", "2022-11-01"),
    ("properties.upgradePolicy.rollingUpgradePolicy.rollbackFailedInstancesOnPolicyBreach", "2022-08-01"),
    ("properties.upgradePolicy.automaticOSUpgradePolicy.useRollingUpgradePolicy", "2022-08-01"),
    ("properties.upgradePolicy.automaticOSUpgradePolicy.osRollingUpgradeDeferral", "2023-09-01"),
    ("properties.virtualMachineProfile.storageProfile.diskControllerType", "2022-08-01"),
    ("properties.lifecycleHooksProfile", "2025-11-01"),
    ("properties.virtualMachineProfile.storageProfile.osDisk.osType", "2020-06-01"),
    ("properties.virtualMachineProfile.storageProfile.osDisk.diskSizeGB", "2020-06-01"),
)
SHOWS_ACCELERATED_NETWORKING_BEFORE = "2020-06-01"
"""Older versions show the default of a network interface, newer ones that it does not track states (recorded; where the
change lies is unverified)."""


def as_of(body: Body, api_version: str) -> Body:
    """A copy of a set's body, or of a part of it that has the same names, as an API version shows it."""
    shown: Body = clone(body)
    for path, since in _SINCE:
        if api_version and api_version < since:
            *parents, last = path.split(".")
            holder = shown
            for name in parents:
                holder = holder.get(name) or {}
            holder.pop(last, None)
    if api_version and api_version < SHOWS_ACCELERATED_NETWORKING_BEFORE:
        for interface in _interfaces(shown.get("properties") or {}):
            interface["properties"].setdefault("enableAcceleratedNetworking", False)
            interface["properties"].pop("disableTcpStateTracking", None)
    return shown


def policy_as_of(policy: Body, api_version: str) -> Body:
    """A rolling upgrade policy by itself, as an API version shows it."""
    whole = {"properties": {"upgradePolicy": {"rollingUpgradePolicy": policy}}}
    shown: Body = as_of(whole, api_version)["properties"]["upgradePolicy"]["rollingUpgradePolicy"]
    return shown


def _interfaces(properties: Body) -> list[Body]:
    """The network interfaces of a set's model, or of an instance."""
    network = (properties.get("virtualMachineProfile") or {}).get("networkProfile") or {}
    holder = properties.get("networkProfileConfiguration") or network
    found: list[Body] = holder.get("networkInterfaceConfigurations") or []
    return found


def new(given: Body, source: Source | None) -> Body:
    """The properties of a new set, from those of a PUT body without nulls."""
    flexible = given.get("orchestrationMode") == "Flexible"
    properties: Body = {
        "singlePlacementGroup": not flexible,
        "orchestrationMode": "Flexible" if flexible else "Uniform",
        "upgradePolicy": _upgrade_policy(given.get("upgradePolicy") or {}, flexible=flexible),
        "virtualMachineProfile": _profile(given.get("virtualMachineProfile") or {}, source),
        "overprovision": not flexible,
        "doNotRunExtensionsOnOverprovisionedVMs": False,
    }
    own = ("upgradePolicy", "virtualMachineProfile", "provisioningState", "uniqueId", "timeCreated")
    return properties | {name: clone(value) for name, value in given.items() if name not in own}


def changed(properties: Body, given: Body, source: Source | None, *, patch: bool) -> Body:
    """The properties after an update. An update leaves out what stays (recorded: a PUT without imageReference). The
    upgrade policy of a PUT is the whole policy, and so are its network profile and its image reference: `az vmss update
    --remove virtualMachineProfile.networkProfile...` works so, which sends a PUT; PATCH takes nothing away."""
    updated: Body = {**properties}
    profile = given.get("virtualMachineProfile")
    if profile is not None:
        whole = {"networkProfile": profile["networkProfile"]} if not patch and "networkProfile" in profile else {}
        wanted_profile = {**merge(properties["virtualMachineProfile"], profile), **whole}
        if not patch and (profile.get("storageProfile") or {}).get("imageReference"):
            reference = profile["storageProfile"]["imageReference"]
            wanted_profile["storageProfile"] = {**wanted_profile["storageProfile"], "imageReference": reference}
        updated["virtualMachineProfile"] = _profile(wanted_profile, source)
    policy = given.get("upgradePolicy")
    if policy is not None:
        wanted = merge(properties["upgradePolicy"], policy) if patch else policy
        flexible = properties["orchestrationMode"] == "Flexible"
        updated["upgradePolicy"] = _upgrade_policy(wanted, flexible=flexible)
    own = ("upgradePolicy", "virtualMachineProfile", "provisioningState", "uniqueId", "timeCreated")
    return merge(updated, {name: value for name, value in given.items() if name not in own})  # type: ignore[no-any-return]


def secrets_of(given: Body, had: Body | None = None) -> Body:
    """What a body says that no answer shows: {adminPassword?, customData?, protectedSettings: {extension: ...}}."""
    known = had or {}
    profile = given.get("virtualMachineProfile") or {}
    os_profile = profile.get("osProfile") or {}
    secrets: Body = {name: known[name] for name in ("adminPassword", "customData") if name in known}
    secrets |= {name: os_profile[name] for name in ("adminPassword", "customData") if name in os_profile}
    kept = known.get("protectedSettings") or {}
    extensions = (profile.get("extensionProfile") or {}).get("extensions")
    if extensions is None:
        return {**secrets, "protectedSettings": kept}
    found: Body = {}
    for extension in extensions:
        protected = (extension.get("properties") or {}).get("protectedSettings", kept.get(extension["name"]))
        if protected is not None:
            found[extension["name"]] = protected
    return {**secrets, "protectedSettings": found}


def extensions_of(properties: Body) -> list[Body]:
    """The extensions of a set's model: {name, properties}."""
    profile = properties["virtualMachineProfile"].get("extensionProfile") or {}
    found: list[Body] = profile.get("extensions") or []
    return found


def policy_of(properties: Body) -> Body:
    """The rolling upgrade policy, complete."""
    return ROLLING_DEFAULTS | (properties["upgradePolicy"].get("rollingUpgradePolicy") or {})


def automatic_of(properties: Body) -> Body:
    """The automatic OS upgrade policy, complete."""
    return AUTOMATIC_DEFAULTS | (properties["upgradePolicy"].get("automaticOSUpgradePolicy") or {})


# -- parts


def _upgrade_policy(given: Body, *, flexible: bool) -> Body:
    policy: Body = {"mode": given.get("mode") or "Manual"}
    if not flexible or given.get("rollingUpgradePolicy"):
        policy["rollingUpgradePolicy"] = {**ROLLING_DEFAULTS, **(given.get("rollingUpgradePolicy") or {})}
    if given.get("automaticOSUpgradePolicy"):
        policy["automaticOSUpgradePolicy"] = {**AUTOMATIC_DEFAULTS, **given["automaticOSUpgradePolicy"]}
    return policy


def _profile(given: Body, source: Source | None) -> Body:
    profile: Body = clone(given)
    if "osProfile" in profile:
        profile["osProfile"] = _os_profile(profile["osProfile"], source)
    if "storageProfile" in profile:
        profile["storageProfile"] = _storage(profile["storageProfile"], source)
    network = profile.get("networkProfile") or {}
    for interface in network.get("networkInterfaceConfigurations") or []:
        _interface(interface.setdefault("properties", {}))
    for extension in (profile.get("extensionProfile") or {}).get("extensions") or []:
        extension.setdefault("properties", {}).pop("protectedSettings", None)
        extension["properties"].setdefault("autoUpgradeMinorVersion", False)
    return profile


def _os_profile(given: Body, source: Source | None) -> Body:
    profile = {name: value for name, value in given.items() if name not in ("adminPassword", "customData")}
    if source is not None and source.os_type == "Windows":
        profile["windowsConfiguration"] = {
            "provisionVMAgent": True,
            "enableAutomaticUpdates": True,
            **(profile.get("windowsConfiguration") or {}),
        }
    elif source is not None:
        profile["linuxConfiguration"] = {
            "disablePasswordAuthentication": "adminPassword" not in given,
            "provisionVMAgent": True,
            **(profile.get("linuxConfiguration") or {}),
        }
    for name, value in (("secrets", []), ("allowExtensionOperations", True), ("requireGuestProvisionSignal", True)):
        profile.setdefault(name, value)
    return profile


def _storage(given: Body, source: Source | None) -> Body:
    os_disk: Body = dict(given.get("osDisk") or {})
    managed = {"storageAccountType": "Standard_LRS", **(os_disk.get("managedDisk") or {})}
    shown: Body = {"createOption": "FromImage", "caching": "None", **os_disk, "managedDisk": managed}
    if source is not None and "osDisk" in given:
        shown = {"osType": source.os_type, **shown}
        shown.setdefault("diskSizeGB", source.size_gb)
    storage: Body = {**given, "osDisk": shown}
    for disk in storage.get("dataDisks") or []:
        disk.setdefault("caching", "None")
        disk["managedDisk"] = {"storageAccountType": "Standard_LRS", **(disk.get("managedDisk") or {})}
    return storage


def _interface(properties: Body) -> None:
    properties.setdefault("disableTcpStateTracking", False)
    properties.setdefault("dnsSettings", {"dnsServers": []})
    properties.setdefault("enableIPForwarding", False)
    for configuration in properties.get("ipConfigurations") or []:
        inner = configuration.setdefault("properties", {})
        inner.setdefault("privateIPAddressVersion", "IPv4")
        if not inner.get("applicationGatewayBackendAddressPools", True):
            del inner["applicationGatewayBackendAddressPools"]  # an empty list is not shown (recorded)
