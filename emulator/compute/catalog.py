"""What a region offers: VM sizes with restrictions (SKUs), quota and its use, platform images.

Settings of the emulator that change it: `quota` {usage name: limit}, `restricted_sizes` {size: [region, ...]},
`restricted_zones` {size: [zone, ...]}, `platform_versions` {"publisher:offer:sku": [version, ...]} (added to the table
below).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from emulator.compute.sizes import SIZES, Size, capabilities, cores, find_size
from emulator.paging import page
from emulator.resources import subscriptions
from emulator.wire import ArmError, Body, Request, Response
from emulator.world import World

__all__ = ["cores", "find_size", "platform_image", "require_quota", "usage"]

VM = "Microsoft.Compute/virtualMachines"
SET = "Microsoft.Compute/virtualMachineScaleSets"
INSTANCE = f"{SET}/virtualMachines"

# -- quota


@dataclass(frozen=True, slots=True)
class Usage:
    name: str
    text: str
    current: int
    limit: int


DEFAULT_CORES = 10_000
"""vCPUs of a region and of each size family: enough for a pool of the largest benchmark. Limits of the other names:
recording compute-usages-list."""


DISK_COUNTS = {
    "Standard_LRS": ("StandardDiskCount", "Standard Storage Managed Disks"),
    "StandardSSD_LRS": ("StandardSSDDiskCount", "StandardSSDStorageDisks"),
    "Premium_LRS": ("PremiumDiskCount", "Premium Storage Managed Disks"),
}
"""Type of a disk to the name and the text of its quota, as `az vm list-usage` prints them. The emulator counts disks,
and refuses none: Azure's answer to one too many was not seen."""


def usage(world: World, location: str, subscription: str | None = None) -> dict[str, Usage]:
    """Quota of a region by name. A deallocated VM counts as a running one does
    (learn.microsoft.com/azure/virtual-machines/quotas)."""
    location = subscriptions.normal_location(location)
    limits: dict[str, int] = world.setting("quota", {})
    scope = f"/subscriptions/{subscription}" if subscription else "/subscriptions"
    machines, total, by_family = 0, 0, dict.fromkeys((s.family for s in SIZES.values()), 0)
    for vm in (*world.under(scope, VM), *world.under(scope, INSTANCE)):
        if vm.body.get("location") != location:
            continue
        machines += 1
        name = str((vm.body["properties"].get("hardwareProfile") or {}).get("vmSize", ""))
        total += cores(name)
        size = find_size(name)
        if size is not None:
            by_family[size.family] += size.cores
    sets = sum(each.body.get("location") == location for each in world.under(scope, SET))
    by_type = Counter(
        disk.body["sku"]["name"]
        for disk in world.under(scope, "Microsoft.Compute/disks")
        if disk.body.get("location") == location
    )
    rows = [
        Usage("availabilitySets", "Availability Sets", 0, 2500),
        Usage("cores", "Total Regional vCPUs", total, DEFAULT_CORES),
        Usage("virtualMachines", "Virtual Machines", machines, 25000),
        Usage("virtualMachineScaleSets", "Virtual Machine Scale Sets", sets, 2500),
        *(
            Usage(family, f"{_words(family)} vCPUs", count, DEFAULT_CORES)
            for family, count in sorted(by_family.items())
        ),
        *(Usage(name, text, by_type[kind], 50000) for kind, (name, text) in DISK_COUNTS.items()),
    ]
    return {row.name: Usage(row.name, row.text, row.current, limits.get(row.name, row.limit)) for row in rows}


def require_quota(
    world: World, location: str, size: str, *, replaces: str = "", subscription: str | None = None
) -> None:
    """Raise 409 OperationNotAllowed when one more VM of `size` is too many; `replaces` is a VM's size before.

    Wording and status: recording error-409-quota-exceeded (2018). What is used is counted only where it may be too
    much: since the last count it has grown by what was granted here, at most.
    """
    wanted, before = find_size(size), find_size(replaces)
    if wanted is None:
        return
    table = world.sections.setdefault("quota_at_most", {})
    at_most: dict[str, int] = table.setdefault(f"{location}|{subscription}", {})
    limits: dict[str, int] = world.setting("quota", {})
    for name, text, had in (
        ("cores", "Core", before.cores if before else 0),
        (wanted.family, f"{wanted.family} Cores", before.cores if before and before.family == wanted.family else 0),
    ):
        added = max(0, wanted.cores - had)
        if name in at_most and at_most[name] + added <= limits.get(name, DEFAULT_CORES):
            at_most[name] += added
            continue
        row = usage(world, location, subscription)[name]
        at_most[name] = row.current + added
        if added and row.current + added > row.limit:
            del at_most[name]
            raise ArmError(
                409,
                "OperationNotAllowed",
                f"Operation results in exceeding quota limits of {text}. Maximum allowed: {row.limit}, Current in use: "
                f"{row.current}, Additional requested: {added}. Please read more about quota increase at "
                "http://aka.ms/corequotaincrease.",
            )


def _words(family: str) -> str:
    """`standardDSv5Family` -> `Standard DSv5 Family`, as localizedValue has it."""
    return re.sub(r"^[sS]tandard(\w+?)Family$", r"Standard \1 Family", family)


def list_usages(world: World, request: Request, path: dict[str, str]) -> Response:
    rows = usage(world, path["location"], path["subscription"]).values()
    value = [
        {
            "limit": row.limit,
            "unit": "Count",
            "currentValue": row.current,
            "name": {"value": row.name, "localizedValue": row.text},
        }
        for row in rows
    ]
    return Response(200, {"value": value})


# -- sizes


def require_size(world: World, location: str, size: str, name: str, zones: Sequence[str] = ()) -> Size:
    """The size, or 400 InvalidParameter for an unknown one and 409 SkuNotAvailable for one that is restricted in the
    region, or in a zone that is asked for."""
    found = find_size(size)
    if found is None:
        # Text as public reports quote it.
        raise ArmError(
            400,
            "InvalidParameter",
            f"The value {size} provided for the VM size is not valid. The valid sizes in the current region are: "
            f"{','.join(each.name for each in SIZES.values())}.",
            target="vmSize",
        )
    if location in _restricted(world, found) or set(zones) & set(_restricted(world, found, "restricted_zones")):
        # Wording: github.com/Azure-Samples/azuresandbox/issues/70.
        raise ArmError(
            409,
            "SkuNotAvailable",
            f"The requested VM size for resource 'Following SKUs have failed for Capacity Restrictions: {found.name}' "
            f"is currently not available in location '{location}'. Please try another size or deploy to a different "
            "location or different zone. See https://aka.ms/azureskunotavailable for details.",
        )
    return found


def list_skus(world: World, request: Request, path: dict[str, str]) -> Response:
    """`$filter=location eq 'westeurope'`, else every region. Disks stand beside the VM sizes."""
    match = re.search(r"location eq '([^']*)'", request.query.get("$filter", ""), re.IGNORECASE)
    wanted = [subscriptions.normal_location(match[1])] if match else list(subscriptions.LOCATIONS)
    found: list[Body] = []
    for location in wanted:
        known = subscriptions.LOCATIONS.get(location)
        if known is None:
            continue
        zones = ["1", "2", "3"] if known[1] else []
        place = {"location": location, "zones": zones, "zoneDetails": []}
        for size in SIZES.values():
            restrictions: list[Body] = []
            if location in _restricted(world, size):
                restrictions.append(_restriction("Location", location, zones))
            closed = [zone for zone in zones if zone in _restricted(world, size, "restricted_zones")]
            if closed:
                restrictions.append(_restriction("Zone", location, closed))
            found.append(
                {
                    "resourceType": "virtualMachines",
                    "name": size.name,
                    "tier": "Standard",
                    "size": size.name.removeprefix("Standard_"),
                    "family": size.family,
                    "locations": [location],
                    "locationInfo": [place],
                    "capabilities": capabilities(size),
                    "restrictions": restrictions,
                }
            )
        for disk in ("Premium_LRS", "StandardSSD_LRS", "Standard_LRS", "Premium_ZRS", "StandardSSD_ZRS"):
            found.append(
                {
                    "resourceType": "disks",
                    "name": disk,
                    "tier": disk.partition("_")[0],
                    "locations": [location],
                    "locationInfo": [place],
                    "capabilities": [{"name": "MaxSizeGiB", "value": "32767"}, {"name": "MinSizeGiB", "value": "0"}],
                    "restrictions": [],
                }
            )
    return Response(200, page(request, found, 1000))


def list_sizes(world: World, request: Request, path: dict[str, str]) -> Response:
    value = [
        {
            "name": size.name,
            "numberOfCores": size.cores,
            "osDiskSizeInMB": 1047552,
            "resourceDiskSizeInMB": size.temp_gb * 1024,
            "memoryInMB": int(size.memory_gb * 1024),
            "maxDataDiskCount": size.data_disks,
        }
        for size in SIZES.values()
    ]
    return Response(200, {"value": value})


def _restriction(kind: str, location: str, zones: list[str]) -> Body:
    info = {"locations": [location], "zones": zones}
    return {"type": kind, "values": [location], "restrictionInfo": info, "reasonCode": "NotAvailableForSubscription"}


def _restricted(world: World, size: Size, setting: str = "restricted_sizes") -> list[str]:
    table: dict[str, list[str]] = world.setting(setting, {})
    return next((places for name, places in table.items() if name.lower() == size.name.lower()), [])


# -- platform images


@dataclass(frozen=True, slots=True)
class Platform:
    """A SKU of platform images, with its versions."""

    publisher: str
    offer: str
    sku: str
    versions: tuple[str, ...]
    generation: str = "V2"
    os_type: str = "Windows"
    size_gb: int = 127
    security_types: tuple[str, ...] = ("TrustedLaunch",)
    plan: bool = False

    @property
    def upgrades_automatically(self) -> bool:
        """Whether scale sets may follow it: Windows Server and Ubuntu, no client Windows (learn.microsoft.com/azure/
        virtual-machine-scale-sets/virtual-machine-scale-sets-automatic-upgrade)."""
        return self.publisher in (_SERVER, "Canonical")


_DESKTOP, _SERVER = "MicrosoftWindowsDesktop", "MicrosoftWindowsServer"
PLATFORM: tuple[Platform, ...] = (
    Platform(_DESKTOP, "office-365", "win11-24h2-avd-m365", ("26100.4061.250513", "26100.4349.250611")),
    Platform(_DESKTOP, "office-365", "win11-23h2-avd-m365", ("22631.5335.250513", "22631.5472.250611")),
    Platform(_DESKTOP, "windows-11", "win11-24h2-avd", ("26100.4061.250513", "26100.4349.250611")),
    Platform(_DESKTOP, "windows-11", "win11-24h2-ent", ("26100.4061.250513", "26100.4349.250611")),
    Platform(_DESKTOP, "windows-10", "win10-22h2-avd", ("19045.5854.250513",), "V1", security_types=()),
    Platform(_DESKTOP, "windows-10", "win10-22h2-avd-g2", ("19045.5854.250513",)),
    Platform(_SERVER, "WindowsServer", "2022-datacenter-azure-edition", ("20348.3692.250509", "20348.3807.250605")),
    Platform(_SERVER, "WindowsServer", "2019-Datacenter", ("17763.7314.250509",), "V1", security_types=()),
    Platform(_SERVER, "WindowsServer", "2019-datacenter-smalldisk", ("17763.7314.250509",), "V1", "Windows", 30, ()),
    Platform("Canonical", "ubuntu-24_04-lts", "server", ("24.04.202505150", "24.04.202506060"), "V2", "Linux", 30),
    Platform("Canonical", "ubuntu-24_04-lts", "server-gen1", ("24.04.202505150",), "V1", "Linux", 30, ()),
    Platform("center-for-internet-security-inc", "cis-win-11", "cis-win-11-l1-gen2", ("1.0.7",), plan=True),
)


def platform_image(world: World, location: str, publisher: str, offer: str, sku: str, version: str) -> Body | None:
    """A platform image: {version, os_type, generation, size_gb, security_types, plan?}; `latest` is resolved."""
    found = find_platform(publisher, offer, sku)
    if found is None or subscriptions.normal_location(location) not in subscriptions.LOCATIONS:
        return None
    known = _versions(world, found)
    if version.lower() == "latest":
        version = known[-1]
    if version not in known:
        return None
    image: Body = {
        "version": version,
        "os_type": found.os_type,
        "generation": found.generation,
        "size_gb": found.size_gb,
        "security_types": list(found.security_types),
    }
    if found.plan:
        image["plan"] = {"publisher": found.publisher, "product": found.offer, "name": found.sku}
    return image


def upgrades_automatically(publisher: str, offer: str, sku: str) -> bool:
    """Whether automatic OS upgrades take the SKU."""
    found = find_platform(publisher, offer, sku)
    return found is not None and found.upgrades_automatically


def list_publishers(world: World, request: Request, path: dict[str, str]) -> Response:
    return _listing(path, {p.publisher: None for p in PLATFORM}, "Publishers/{name}")


def list_offers(world: World, request: Request, path: dict[str, str]) -> Response:
    wanted = {p.offer: None for p in PLATFORM if p.publisher.lower() == path["publisher"].lower()}
    return _listing(path, wanted, "Publishers/{publisher}/ArtifactTypes/VMImage/Offers/{name}")


def list_image_skus(world: World, request: Request, path: dict[str, str]) -> Response:
    wanted: dict[str, Body | None] = {
        p.sku: {"automaticOSUpgradeProperties": {"automaticOSUpgradeSupported": p.upgrades_automatically}}
        for p in PLATFORM
        if p.publisher.lower() == path["publisher"].lower() and p.offer.lower() == path["offer"].lower()
    }
    return _listing(path, wanted, "Publishers/{publisher}/ArtifactTypes/VMImage/Offers/{offer}/Skus/{name}")


def list_versions(world: World, request: Request, path: dict[str, str]) -> Response:
    """`$top`, `$orderby=name desc`, `$expand=properties/imageDeprecationStatus`."""
    found = find_platform(path["publisher"], path["offer"], path["sku"])
    if found is None:
        raise _no_artifact()
    names = list(_versions(world, found))
    if "desc" in request.query.get("$orderby", "").lower():
        names.reverse()
    top = request.query.get("$top", "")
    if top.isdigit():
        names = names[: int(top)]
    answer = []
    for name in names:
        entry: Body = {"location": path["location"], "name": name, "id": _version_id(path, found, name)}
        if request.query.get("$expand"):
            properties: Body = {
                "imageDeprecationStatus": {"imageState": "Active", "scheduledDeprecationTime": None},
                "hyperVGeneration": found.generation,
                "architecture": "x64",
                "replicaType": "Unmanaged",
                "replicaCount": None,
                "goLiveDate": None,
            }
            entry = {"properties": properties, "extendedLocation": None, **entry}
        answer.append(entry)
    return Response(200, answer)


def get_version(world: World, request: Request, path: dict[str, str]) -> Response:
    found = find_platform(path["publisher"], path["offer"], path["sku"])
    if found is None:
        raise _no_artifact()
    image = platform_image(world, path["location"], found.publisher, found.offer, found.sku, path["version"])
    if image is None:
        raise _no_artifact()
    features = [
        {"name": "IsAcceleratedNetworkSupported", "value": "True"},
        {"name": "DiskControllerTypes", "value": "SCSI, NVMe" if found.generation == "V2" else "SCSI"},
        {"name": "IsHibernateSupported", "value": "True"},
    ]
    if found.security_types:
        features.insert(0, {"name": "SecurityType", "value": "TrustedLaunchSupported"})
    properties: Body = {
        "hyperVGeneration": found.generation,
        "architecture": "x64",
        "replicaType": "Managed",
        "replicaCount": 10,
        "disallowed": {"vmDiskType": "Unmanaged"},
        "automaticOSUpgradeProperties": {"automaticOSUpgradeSupported": found.upgrades_automatically},
        "imageDeprecationStatus": {"imageState": "Active"},
        "features": features,
        "osDiskImage": {"operatingSystem": found.os_type, "sizeInGb": found.size_gb},
        "dataDiskImages": [],
    }
    if "plan" in image:
        properties["plan"] = image["plan"]
    name = image["version"]
    return Response(
        200,
        {
            "properties": properties,
            "location": path["location"],
            "name": name,
            "id": _version_id(path, found, name),
        },
    )


def find_platform(publisher: str, offer: str, sku: str) -> Platform | None:
    """A SKU of platform images."""
    wanted = (publisher.lower(), offer.lower(), sku.lower())
    return next((p for p in PLATFORM if (p.publisher.lower(), p.offer.lower(), p.sku.lower()) == wanted), None)


def _versions(world: World, found: Platform) -> list[str]:
    added: dict[str, list[str]] = world.setting("platform_versions", {})
    urn = f"{found.publisher}:{found.offer}:{found.sku}".lower()
    more = next((versions for name, versions in added.items() if name.lower() == urn), [])
    return sorted({*found.versions, *more}, key=lambda v: [int(part) for part in v.split(".")])


def _version_id(path: dict[str, str], found: Platform, version: str) -> str:
    return (
        f"/Subscriptions/{path['subscription']}/Providers/Microsoft.Compute/Locations/{path['location']}/Publishers/"
        f"{found.publisher}/ArtifactTypes/VMImage/Offers/{found.offer}/Skus/{found.sku}/Versions/{version}"
    )


def _listing(path: dict[str, str], names: dict[str, Body | None] | dict[str, None], tail: str) -> Response:
    """Lists of the catalog are bare arrays of ids in `/Subscriptions` (recording compute-vm-image-catalog)."""
    if not names:
        raise _no_artifact()
    base = f"/Subscriptions/{path['subscription']}/Providers/Microsoft.Compute/Locations/{path['location']}/"
    value = []
    for name, properties in names.items():
        entry: Body = {"location": path["location"], "name": name, "id": base + tail.format(**{**path, "name": name})}
        value.append(entry if properties is None else {"properties": properties, **entry})
    return Response(200, value)


def _no_artifact() -> ArmError:
    """Text as public reports quote it."""
    return ArmError(404, "NotFound", "Artifact: VMImage was not found.")
