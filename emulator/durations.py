"""How long things take: one table, each row with its source, and the seeded draw from it.

A row gives the 10th percentile, median and 90th percentile in seconds. A draw joins two half log-normals at the median,
so that all three are met, and is cut at 2.5 standard deviations. It depends on seed, row, subject and how often that
subject drew the row before, and on nothing else: two rollouts of the same seed meet the same machines, whatever the
order in which they touch them.

Sources: "azure-cli recordings" are the public test recordings of Azure/azure-cli (server-side endTime - startTime),
Windows rows from 2021 on where there are any. "suggested default, inferred" rows have no public measurement; they are
scaled from the ranges in Microsoft's AVD documents and labs.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

from emulator.world import World

_NORMAL = NormalDist()
_P90 = _NORMAL.inv_cdf(0.9)
_CUT = 2.5
_CLI = "azure-cli recordings 2021-2024"
_CLI_WINDOWS = _CLI + ", Windows"
_INFERRED = "suggested default, inferred"


@dataclass(frozen=True)
class Duration:
    """Seconds: 10th percentile, median, 90th percentile; all equal means fixed."""

    p10: float
    median: float
    p90: float
    source: str

    def at(self, uniform: float) -> float:
        """The value at a probability in (0, 1)."""
        if self.p10 == self.p90:
            return self.median
        z = max(-_CUT, min(_CUT, _NORMAL.inv_cdf(uniform)))
        edge = self.p90 if z > 0 else self.p10
        return float(self.median * (edge / self.median) ** (abs(z) / _P90))


def _fixed(seconds: float, source: str) -> Duration:
    return Duration(seconds, seconds, seconds, source)


ROWS: dict[str, Duration] = {
    # -- virtual machines
    "vm create windows image": Duration(21.4, 60.8, 161.5, f"{_CLI_WINDOWS} marketplace, n=197"),
    "vm create windows attach": Duration(12.7, 15.3, 41.8, f"{_CLI_WINDOWS}, attach OS disk, n=20"),
    "vm create linux image": Duration(16.6, 28.7, 69.0, f"{_CLI}, Linux gallery image, n=82"),
    "vm create linux attach": Duration(11.9, 17.3, 23.2, f"{_CLI}, Linux, attach OS disk, n=131"),
    "vm swap os disk": Duration(2.3, 10.1, 16.7, f"{_CLI}, compute-vm-os-disk-swap, n=34"),
    "vm update": Duration(0.5, 4.5, 41.0, f"{_CLI}, n=511 (p10 0, written 0.5)"),
    "vm update nothing physical": _fixed(0.1, f"{_CLI}, no-op updates read 0 to 0.1"),
    "vm resize": Duration(0.6, 0.7, 1.2, f"{_CLI}, VM deallocated, n=40"),
    "vm nic change": Duration(0.7, 0.7001, 0.9, f"{_CLI}, VM deallocated, n=62"),
    "vm attach data disk": Duration(5.3, 7.7, 11.6, f"{_CLI}, n=330"),
    "vm detach data disk": Duration(0.9, 12.4, 16.3, f"{_CLI}, n=237"),
    "vm patch identity": Duration(4.2, 5.8, 10.3, f"{_CLI}, n=60"),
    "vm deallocate": Duration(16.6, 21.0, 39.0, f"{_CLI_WINDOWS}, n=13 (p10 of all systems, n=774)"),
    # p10 of the recordings (0.4) is of machines that were already running: mirrored at the median instead.
    "vm start": Duration(7.2, 10.3, 14.7, f"{_CLI}, n=192, without those that were running already"),
    "vm already there": Duration(0.1, 0.2, 0.4, f"{_CLI}, start of a running VM"),
    "vm power off": Duration(4.9, 7.9, 17.4, f"{_CLI}, n=244"),
    "vm restart": Duration(29.6, 41.7, 58.8, f"{_CLI}, n=40, p10 mirrored at the median"),
    "vm redeploy": Duration(107.4, 116.5, 130.1, f"{_CLI}, n=66"),
    "vm reapply": Duration(4.1, 5.4, 8.6, f"{_CLI}, n=26"),
    "vm delete running": Duration(23.2, 27.8, 39.1, f"{_CLI}, n=243 and azure-sdk-for-java 2023 (23.2)"),
    "vm delete deallocated": Duration(0.3, 0.4, 0.9, f"{_CLI}, deallocated VM: under 1 s"),
    "vm delete forced": _fixed(10.2, "azure-sdk-for-java recording 2023, Windows, forceDeletion, n=1"),
    # -- guests
    "guest boot": Duration(30.0, 55.0, 90.0, f"{_INFERRED} from 'start 1-2 min'; no source for VM start alone"),
    "guest agent ready": Duration(5.0, 12.0, 30.0, f"{_CLI}, vmAgent Ready 2-16 s after the operation, widened"),
    "guest reboot": Duration(40.0, 60.0, 100.0, f"{_INFERRED} from 'AD join 2-4 min (one reboot)'"),
    "guest shut down": Duration(10.0, 20.0, 40.0, f"{_INFERRED} from 'stop/deallocate 1-2 min', AZ-140 labs"),
    "guest sysprep": Duration(90.0, 120.0, 240.0, f"{_INFERRED}: AVD labs give sysprep about 2 min"),
    # -- extensions and run commands
    "extension windows": Duration(59.0, 96.0, 155.0, f"{_CLI_WINDOWS} VMAccessAgent, n=19"),
    "extension monitor": Duration(92.0, 98.0, 224.0, f"{_CLI_WINDOWS} MMA, n=3"),
    "extension linux": Duration(10.3, 15.0, 19.0, f"{_CLI}, VMAccessForLinux, n=83"),
    "extension delete windows": _fixed(110.0, f"{_CLI_WINDOWS}, n=3"),
    "extension delete linux": Duration(10.2, 13.5, 18.0, f"{_CLI}, n=107"),
    "extension ad join": Duration(120.0, 170.0, 240.0, f"{_INFERRED}: AD join 2-4 min with one reboot"),
    "extension entra join": Duration(59.0, 96.0, 155.0, f"no AADLoginForWindows row: {_CLI_WINDOWS} VMAccessAgent"),
    "extension avd agent": Duration(180.0, 260.0, 360.0, f"{_INFERRED}: agent 3-6 min"),
    "extension avd agent entra wait": _fixed(360.0, "RDS-Templates Configuration.zip: aadJoin sleeps 6 min"),
    "run command": Duration(10.3, 15.6, 25.7, f"{_CLI}, n=230"),
    "run command put": Duration(10.2, 16.0, 20.3, f"{_CLI}, n=19"),
    "run command delete": Duration(10.2, 13.8, 16.1, f"{_CLI}, n=18"),
    # -- scale sets; what an instance does takes what a virtual machine takes
    "scale set update": Duration(0.1, 0.4, 1.0, f"{_CLI}, PUT 200 that changes no instance, n=755"),
    "scale set delete": Duration(1.9, 2.2, 2.6, f"{_CLI}, n=42"),
    "scale set instance delete": Duration(2.0, 2.5, 49.6, f"{_CLI}, POST delete, n=105"),
    "scale set instance update": Duration(5.0, 19.8, 78.8, f"{_CLI}, POST manualupgrade, n=297 (p10 without no-ops)"),
    "scale set deallocate": Duration(30.3, 41.2, 67.5, f"{_CLI}, n=80"),
    "scale set power off": Duration(5.2, 11.0, 23.9, f"{_CLI}, n=127"),
    "scale set start": Duration(4.3, 9.3, 35.1, f"{_CLI}, n=160"),
    "scale set restart": Duration(13.1, 45.1, 78.4, f"{_CLI}, n=105"),
    "rolling upgrade nothing to do": Duration(120.8, 120.9, 121.1, f"{_CLI}, POST osRollingUpgrade, n=15"),
    "rolling upgrade cancel": _fixed(0.03, "recording compute-vmss-rolling-upgrade-api"),
    "rolling upgrade batch": Duration(5.0, 15.0, 30.0, f"{_INFERRED}: the orchestrator's own time between batches"),
    "automatic upgrade first": Duration(1200.0, 5400.0, 7680.0, "documented: within 3 hours; distribution inferred"),
    "automatic upgrade later": Duration(2220.0, 2700.0, 3120.0, "documented: 30 to 60 minutes; distribution inferred"),
    "application start": Duration(5.0, 15.0, 40.0, f"{_INFERRED}: from provisioned to answering; no source"),
    "custom data": Duration(5.0, 20.0, 60.0, f"{_INFERRED}: cloud-init or a first-boot script; no source"),
    # -- disks and snapshots
    "disk from gallery": Duration(0.3, 0.7, 0.8, f"{_CLI}, n=72: metadata only, data follows"),
    "disk from image": Duration(0.5, 1.0, 91.0, f"{_CLI}, platform image, n=200 (no p10: half the median)"),
    "disk copy": Duration(0.4, 0.7, 1.0, f"{_CLI}, of disk n=84 (0.8), of snapshot n=122 (0.6)"),
    "disk empty": Duration(0.05, 0.1, 0.2, f"{_CLI}, n=956 (median only)"),
    "disk import": Duration(0.5, 1.0, 2.0, f"{_CLI}, n=92 (median only)"),
    "disk update": Duration(0.1, 0.3, 0.6, f"{_INFERRED}"),
    "disk delete": Duration(0.1, 0.2, 0.3, f"{_CLI}, n=29"),
    "snapshot copy full": Duration(0.6, 0.8, 1.4, f"{_CLI}, n=389"),
    "snapshot copy incremental": Duration(0.3, 0.8, 2.1, f"{_CLI}, n=44"),
    "snapshot copy start": Duration(1.4, 1.9, 3.2, f"{_CLI}, n=22"),
    "snapshot empty": Duration(0.1, 0.2, 3.6, f"{_CLI}, n=341"),
    "snapshot import": Duration(0.8, 1.0, 1.9, f"{_CLI}, n=17"),
    "snapshot delete": Duration(0.2, 0.3, 0.4, f"{_CLI}, n=27"),
    "disk access": Duration(0.2, 0.3, 0.4, f"{_CLI}, beginGetAccess, n=57"),
    # -- images and galleries
    "image from vm": Duration(5.1, 5.2, 10.2, f"{_CLI}, n=533"),
    "image from disk": Duration(5.1, 5.1001, 5.5, f"{_CLI}, n=159"),
    "image delete": _fixed(5.1, f"{_CLI}, n=27"),
    "gallery put": Duration(0.1, 0.2, 0.6, f"{_CLI}, n=539"),
    "gallery delete": Duration(0.1, 0.1001, 0.8, f"{_CLI}, n=82"),
    "image definition put": Duration(0.1, 0.1001, 0.2, f"{_CLI}, n=493"),
    "image definition delete": Duration(0.1, 0.2, 0.3, f"{_CLI}, n=76"),
    "image version from image": Duration(406.1, 428.0, 541.1, f"{_CLI}, 1 region, n=199"),
    "image version from vm": Duration(405.9, 422.2, 488.5, f"{_CLI}, 1 region, n=57"),
    "image version from disk": Duration(361.0, 441.3, 533.4, f"{_CLI}, disk, snapshot or VHD, n=179"),
    "image version from version": Duration(375.9, 420.9, 451.1, f"{_CLI}, n=16"),
    "image version shallow": Duration(30.2, 45.1, 45.2, f"{_CLI}, replicationMode Shallow, n=18"),
    "image version update": Duration(150.2, 150.4, 375.6, f"{_CLI}, same regions, n=33"),
    "image version add region": Duration(150.1, 375.9, 600.8, f"{_CLI}, 2 regions, n=68"),
    "image version delete": Duration(90.2, 90.3, 150.1, f"{_CLI}, n=126"),
    # -- network, groups
    "nic put": _fixed(0.0, f"{_CLI}, n=24"),
    "nic delete": Duration(1.0, 5.0, 11.0, f"{_CLI}, poll-quantized, n=27"),
    "vnet put": Duration(3.0, 4.0, 11.0, f"{_CLI}, poll-quantized, n=1129"),
    "vnet delete": Duration(5.0, 10.0, 11.0, f"{_CLI}, poll-quantized, n=49"),
    "subnet put": Duration(0.5, 1.0, 4.0, f"{_CLI}, poll-quantized, n=564"),
    "subnet delete": Duration(5.0, 10.0, 11.0, f"{_CLI}, poll-quantized, n=46"),
    "load balancer put": Duration(0.5, 1.0, 4.0, f"{_INFERRED}: as a subnet"),
    "load balancer delete": Duration(5.0, 10.0, 11.0, f"{_INFERRED}: as a virtual network"),
    "resource group delete": Duration(46.0, 139.0, 141.0, f"{_CLI}, poll-quantized, n=38"),
    # -- AVD
    "avd upgrading": Duration(120.0, 300.0, 600.0, f"{_INFERRED}: Upgrading 2-10 min; azure-docs: Available in 5-10"),
    "avd agent start": Duration(20.0, 40.0, 90.0, f"{_INFERRED}: first heartbeat after a boot; no source"),
    "avd shutdown noticed": Duration(20.0, 45.0, 90.0, f"{_INFERRED}: session lists lag (RDS-Templates#509)"),
    "avd log off": Duration(4.0, 8.0, 20.0, f"{_INFERRED}: not in the second of the DELETE (recording)"),
    "entra device delete": Duration(30.0, 45.0, 120.0, "FederalAVD DeviceCleanup: >= 30 s, verified up to 5 min"),
    # -- Batch
    "batch account put": _fixed(16.0, "recording batch-account-and-dataplane-pool, poll-quantized, n=1"),
    "batch account delete": Duration(15.0, 30.0, 60.0, f"{_INFERRED}: as a resource group, without its contents"),
    "batch pool delete": Duration(15.0, 30.0, 60.0, f"{_INFERRED}: beyond what its nodes take to leave"),
    "batch resize": Duration(
        1.2, 5.2, 10.0, "recording batch-account-and-dataplane-pool: 1.2 s and 5.2 s without nodes"
    ),
    "batch node create": Duration(60.0, 90.0, 180.0, f"{_INFERRED}: allocation of a VM"),
    "batch node start": Duration(30.0, 60.0, 120.0, f"{_INFERRED}: boot and node agent, as 'guest boot'"),
    "batch start task": Duration(5.0, 20.0, 60.0, f"{_INFERRED}: depends on the command"),
    "batch node leave": Duration(15.0, 30.0, 60.0, f"{_INFERRED}: as 'vm delete running'"),
    "batch node upgrade": Duration(120.0, 180.0, 300.0, f"{_INFERRED}: stop, swap of the OS disk, boot, node agent"),
    "batch task": Duration(60.0, 300.0, 900.0, f"{_INFERRED}: depends on the command"),
    # -- the request itself
    "request": Duration(0.06, 0.12, 0.3, "unverified: Date headers of the recordings resolve whole seconds only"),
}


def draw(world: World, name: str, subject: str = "", *, row: Duration | None = None) -> float:
    """Seconds that `name` takes for `subject` (an ARM id) this time. `row` stands in for ROWS[name] (faults).

    Each draw with a subject is kept in `sections["draws"]` as {time, subject, name, seconds}: what a machine would have
    needed is the lower bound that a rollout is measured against.
    """
    row = row or ROWS[name]
    subject = subject.lower()
    counts: dict[int, int] = world.sections.setdefault("draw_counts", {})
    key = f"{name}|{subject}"
    short = int.from_bytes(hashlib.blake2b(key.encode(), digest_size=8).digest(), "big")  # there are many of them
    nth = counts[short] = counts.get(short, 0) + 1
    digest = hashlib.blake2b(f"{world.seed}|{key}|{nth}".encode(), digest_size=8).digest()
    uniform = (int.from_bytes(digest, "big") + 0.5) / 2**64
    seconds = row.at(uniform)
    if subject:
        draws: list[dict[str, Any]] = world.sections.setdefault("draws", [])
        draws.append({"time": world.now, "subject": subject, "name": name, "seconds": round(seconds, 3)})
    return seconds
