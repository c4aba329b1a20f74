"""VM sizes: cores, memory, what each size can do. A selection of the sizes that session hosts use.

Capabilities: the public documents of the size series (learn.microsoft.com/azure/virtual-machines/sizes).
"""

from __future__ import annotations

from dataclasses import dataclass

from emulator.wire import Body


@dataclass(frozen=True, slots=True)
class Size:
    """One VM size. `family` is the quota it counts against; `temp_gb` 0 means no local disk."""

    name: str
    family: str
    cores: int
    memory_gb: float
    data_disks: int
    temp_gb: int
    generations: tuple[str, ...] = ("V1", "V2")
    trusted_launch: bool = True
    nvme: bool = False
    nics: int = 2
    premium: bool = True
    accelerated_networking: bool = True
    encryption_at_host: bool = True

    @property
    def ephemeral(self) -> bool:
        """Whether an ephemeral OS disk of 127 GB has a place to be."""
        return self.temp_gb > 0


def _series(prefix: str, suffix: str, family: str, rows: str, *, gb_per_core: float, temp_per_core: float = 0,
            nvme: bool = False, generations: tuple[str, ...] = ("V1", "V2")) -> list[Size]:  # fmt: skip
    """Sizes of one series; `rows` are `cores:data disks:NICs`."""
    found = []
    for row in rows.split():
        cores, disks, nics = (int(part) for part in row.split(":"))
        found.append(
            Size(
                f"Standard_{prefix}{cores}{suffix}",
                family,
                cores,
                cores * gb_per_core,
                disks,
                int(cores * temp_per_core),
                generations,
                nvme=nvme,
                nics=nics,
            )
        )
    return found


_TWO_TO_SIXTY_FOUR = "2:4:2 4:8:2 8:16:4 16:32:8 32:32:8 48:32:8 64:32:8"

SIZES: dict[str, Size] = {
    size.name.lower(): size
    for size in (
        *_series(
            "D", "s_v3", "standardDSv3Family", "2:4:2 4:8:2 8:16:4 16:32:8 32:32:8", gb_per_core=4, temp_per_core=8
        ),
        *_series("D", "s_v4", "standardDSv4Family", _TWO_TO_SIXTY_FOUR, gb_per_core=4),
        *_series("D", "ds_v4", "standardDDSv4Family", _TWO_TO_SIXTY_FOUR, gb_per_core=4, temp_per_core=37.5),
        *_series("D", "as_v4", "standardDASv4Family", _TWO_TO_SIXTY_FOUR, gb_per_core=4, temp_per_core=8),
        *_series("D", "s_v5", "standardDSv5Family", _TWO_TO_SIXTY_FOUR, gb_per_core=4),
        *_series("D", "ds_v5", "standardDDSv5Family", _TWO_TO_SIXTY_FOUR, gb_per_core=4, temp_per_core=37.5),
        *_series("D", "as_v5", "standardDASv5Family", _TWO_TO_SIXTY_FOUR, gb_per_core=4),
        *_series("D", "ads_v5", "standardDADSv5Family", _TWO_TO_SIXTY_FOUR, gb_per_core=4, temp_per_core=37.5),
        *_series("D", "s_v6", "standardDsv6Family", _TWO_TO_SIXTY_FOUR, gb_per_core=4, nvme=True, generations=("V2",)),
        *_series("E", "s_v5", "standardESv5Family", _TWO_TO_SIXTY_FOUR, gb_per_core=8),
        *_series("E", "ds_v5", "standardEDSv5Family", _TWO_TO_SIXTY_FOUR, gb_per_core=8, temp_per_core=37.5),
        *_series("E", "as_v5", "standardEASv5Family", _TWO_TO_SIXTY_FOUR, gb_per_core=8),
        *_series("F", "s_v2", "standardFSv2Family", "2:4:2 4:8:2 8:16:4 16:32:4", gb_per_core=2, temp_per_core=8),
        Size("Standard_B2s", "standardBSFamily", 2, 4, 4, 8, nics=3, accelerated_networking=False),
        Size("Standard_B2ms", "standardBSFamily", 2, 8, 4, 16, nics=3, accelerated_networking=False),
        Size("Standard_B4ms", "standardBSFamily", 4, 16, 8, 32, nics=4, accelerated_networking=False),
        Size("Standard_B8ms", "standardBSFamily", 8, 32, 16, 64, nics=4, accelerated_networking=False),
        Size("Standard_DS1_v2", "standardDSv2Family", 1, 3.5, 4, 7),
        Size("Standard_DS2_v2", "standardDSv2Family", 2, 7, 8, 14),
        Size("Standard_DS3_v2", "standardDSv2Family", 4, 14, 16, 28, nics=4),
        Size(
            "Standard_D2_v3",
            "standardDv3Family",
            2,
            8,
            4,
            50,
            ("V1",),
            False,
            premium=False,
        ),
        Size(
            "Standard_A2_v2",
            "standardAv2Family",
            2,
            4,
            4,
            20,
            ("V1",),
            False,
            premium=False,
        ),
        Size("Standard_M64s", "standardMSFamily", 64, 1024, 64, 2048, trusted_launch=False, nics=8),
        Size("Standard_NV12ads_A10_v5", "StandardNVADSA10v5Family", 12, 110, 8, 360),
        Size("Standard_NV36ads_A10_v5", "StandardNVADSA10v5Family", 36, 440, 32, 1440, nics=8),
        Size("Standard_NV8as_v4", "standardNVASv4Family", 8, 28, 16, 176, trusted_launch=False, nics=4),
    )
}
"""By lower-case name."""


def find_size(name: str) -> Size | None:
    return SIZES.get(name.lower())


def cores(name: str) -> int:
    """vCPUs of a size; 0 for one that is not known."""
    size = find_size(name)
    return size.cores if size else 0


def capabilities(size: Size) -> list[Body]:
    """What `Microsoft.Compute/skus` says of a size: names and values are strings. TrustedLaunchDisabled shows only
    where it is True."""
    values: dict[str, object] = {
        "MaxResourceVolumeMB": size.temp_gb * 1024,
        "OSVhdSizeMB": 1047552,
        "vCPUs": size.cores,
        "MemoryPreemptionSupported": True,
        "HyperVGenerations": ",".join(size.generations),
        "DiskControllerTypes": "SCSI,NVMe" if size.nvme else "SCSI",
        "MemoryGB": f"{size.memory_gb:g}",
        "MaxDataDiskCount": size.data_disks,
        "CpuArchitectureType": "x64",
        "LowPriorityCapable": True,
        "PremiumIO": size.premium,
        "VMDeploymentTypes": "IaaS",
        "vCPUsAvailable": size.cores,
        "vCPUsPerCore": 2,
        "EphemeralOSDiskSupported": size.ephemeral,
        "EncryptionAtHostSupported": size.premium,
        "CapacityReservationSupported": True,
        "AcceleratedNetworkingEnabled": size.accelerated_networking,
        "RdmaEnabled": False,
        "MaxNetworkInterfaces": size.nics,
    }
    if not size.trusted_launch:
        values["TrustedLaunchDisabled"] = True
    return [{"name": name, "value": str(value)} for name, value in values.items()]
