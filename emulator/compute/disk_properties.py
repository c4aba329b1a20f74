"""What the platform fills in on a finished disk: tier, performance, state, times."""

from __future__ import annotations

from emulator.wire import Body
from emulator.world import World

# Size limit in GB of a premium tier, its name, IOPS and MB/s (learn.microsoft.com/azure/virtual-machines/disks-types).
PREMIUM = (
    (4, "P1", 120, 25),
    (8, "P2", 120, 25),
    (16, "P3", 120, 25),
    (32, "P4", 120, 25),
    (64, "P6", 240, 50),
    (128, "P10", 500, 100),
    (256, "P15", 1100, 125),
    (512, "P20", 2300, 150),
    (1024, "P30", 5000, 200),
    (2048, "P40", 7500, 250),
    (4096, "P50", 7500, 250),
    (32767, "P80", 20000, 900),
)
_SKU_TIERS = {"Premium_LRS": "Premium", "Premium_ZRS": "Premium", "Standard_LRS": "Standard"}


def complete(world: World, body: Body, unique_id: str | None = None) -> None:
    """The properties that a finished disk has, in place."""
    properties = body["properties"]
    size = int(properties["diskSizeGB"])
    sku = body["sku"]["name"]
    body["sku"] = {"name": sku, "tier": _SKU_TIERS.get(sku, "Standard")}
    performance = next((row for row in PREMIUM if size <= row[0]), PREMIUM[-1])
    premium = sku.startswith("Premium_")
    properties.update(
        {
            "diskIOPSReadWrite": performance[2] if premium else 500,
            "diskMBpsReadWrite": performance[3] if premium else 60,
            "encryption": properties.get("encryption") or {"type": "EncryptionAtRestWithPlatformKey"},
            "networkAccessPolicy": properties.get("networkAccessPolicy") or "AllowAll",
            "publicNetworkAccess": properties.get("publicNetworkAccess") or "Enabled",
            "timeCreated": properties.get("timeCreated") or now(world),
            "provisioningState": "Succeeded",
            "diskState": properties.get("diskState") or "Unattached",
            "diskSizeBytes": size * 2**30,
            "uniqueId": properties.get("uniqueId") or unique_id or world.guid(),
        }
    )
    if "osType" in properties:
        properties.setdefault("supportedCapabilities", {"architecture": "x64"})
    if premium:
        properties["tier"] = performance[1]
    else:
        properties.pop("tier", None)


def now(world: World) -> str:
    """The time as Compute writes it, with an offset."""
    return world.iso().replace("Z", "+00:00")
