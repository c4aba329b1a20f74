"""Room for the new OS disks: Azure counts managed disks by type, for each subscription and region.

The counts are in the same list of quota as vCPUs (`az vm list-usage`: PremiumDiskCount, StandardSSDDiskCount,
StandardDiskCount, each with a limit of 50,000 unless Microsoft has set another; learn.microsoft.com/azure/
azure-resource-manager/management/azure-subscription-service-limits). A name that a region does not list is no limit.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from rollout import ahead
from rollout.images import normal_location
from rollout.observation import Host
from rollout.prechecks.building import free
from rollout.prechecks.facts import Facts
from rollout.prechecks.findings import Finding, error

COUNTS = {
    "standard_lrs": "StandardDiskCount",
    "standardssd_lrs": "StandardSSDDiskCount",
    "premium_lrs": "PremiumDiskCount",
    # As scripts of operators name them; in no list that was seen (unverified).
    "standardssd_zrs": "StandardSSDZRSDiskCount",
    "premium_zrs": "PremiumZRSDiskCount",
}
"""Type of a disk, in lower case, to its quota."""


def check(facts: Facts) -> Iterator[Finding]:
    """Each host has its old disk and its new one until the run ends, and the old one for `keep_old_disk` after that;
    disks that are built ahead of a window are among them, a little earlier."""
    there = ahead.ready(facts.pool, facts.image, facts.declaration)
    missing = [host for host in facts.built if host.record is None and host.name not in there and _here(facts, host)]
    needs = Counter(COUNTS.get(_kind(facts, host).lower(), "") for host in missing)
    for name, need in needs.items():
        row = (facts.usages or {}).get(name.lower())
        left = max(free(row), 0)
        if row is not None and left < need:
            yield error(
                "disk-quota",
                f"{need} new OS disks",
                f"beside those that the hosts have they need {need} of quota {name} in {facts.pool.location}, and "
                f"{left:.0f} of {row.get('limit')} are free; old disks stay until the run ends at least "
                "(keep_old_disk)",
                f"remove kept disks that nobody needs (hostpool --host-pool {facts.pool.id} cleanup --all-kept), "
                "declare fewer hosts (include), or ask for more (Azure portal: Quotas > Compute)",
            )


def _here(facts: Facts, host: Host) -> bool:
    return normal_location(host.vm.location) == normal_location(facts.pool.location)


def _kind(facts: Facts, host: Host) -> str:
    """The type of the host's new disk."""
    return facts.declaration.os_disk_type or (host.os_disk.sku if host.os_disk is not None else "")
