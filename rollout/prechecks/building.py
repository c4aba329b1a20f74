"""Room for the temporary machines: quota, sizes and zones, subnet addresses, their resource group."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator

from rollout.arm import dig, name_of
from rollout.azure import Body
from rollout.declaration import Build
from rollout.images import normal_location
from rollout.observation import Host
from rollout.prechecks.actions import SUBNETS_READ
from rollout.prechecks.facts import Facts
from rollout.prechecks.findings import Finding, error
from rollout.prechecks.rights import allows


def temporary_machines(facts: Facts) -> int:
    """How many exist at once, at most."""
    declaration, total = facts.declaration, len(facts.pool.hosts)
    out = declaration.max_unavailable.of(total)
    if declaration.build is Build.AFTER_DEALLOCATE:
        wanted = out
    else:
        wanted = declaration.max_building.of(total) if declaration.max_building else 2 * out
    return min(wanted, len(facts.built))


def _named(facts: Facts) -> str:
    declared = facts.declaration.max_building
    if facts.declaration.build is Build.AFTER_DEALLOCATE:
        return f"max_unavailable: {str(facts.declaration.max_unavailable)!r}"
    default = " (default, twice max_unavailable)" if declared is None else ""
    return f"max_building: {str(declared) if declared else str(temporary_machines(facts))!r}{default}"


def check(facts: Facts) -> Iterator[Finding]:
    if not facts.built:
        return
    yield from _group(facts)
    yield from _administrator(facts)
    yield from _addresses(facts)
    yield from _quota(facts)
    yield from _resized(facts)
    for host in facts.built:
        yield from _size(facts, host)


def _group(facts: Facts) -> Iterator[Finding]:
    if facts.build_group_missing:
        group = facts.declaration.build_resource_group_id or ""
        yield error(
            "build-group-missing",
            f"build_resource_group_id: {group!r}",
            "the resource group does not exist",
            f"create it (az group create --name {name_of(group)} --location {facts.pool.location})",
        )


def _administrator(facts: Facts) -> Iterator[Finding]:
    if facts.declaration.local_admin is None:
        yield error(
            "no-local-admin",
            "local_admin: None",
            "is missing: Windows on the new disks is provisioned with a local administrator",
            "declare local_admin: {username_secret, password_secret} with Key Vault secret URIs",
        )


def _addresses(facts: Facts) -> Iterator[Finding]:
    for subnet in facts.subnets:
        declared = facts.declaration.build_subnet_id
        if subnet.body is None:
            if declared and allows(facts.permissions.get(declared, ()), SUBNETS_READ):
                yield error(
                    "subnet-missing",
                    f"build_subnet_id: {declared!r}",
                    "the subnet does not exist",
                    "correct the id (az network vnet subnet list)",
                )
            continue
        free, wanted = subnet.free, min(temporary_machines(facts), subnet.hosts)
        if free < wanted:
            yield error(
                "subnet-full",
                _named(facts),
                f"subnet {name_of(subnet.id)} has {free} free addresses, and {wanted} temporary machines need one each",
                f"declare max_building: {free}, or a larger build_subnet_id"
                if free
                else "declare a build_subnet_id with free addresses, or free some",
            )


def _size_of(facts: Facts, host: Host) -> str:
    return facts.declaration.vm_size or host.vm.size


def _capabilities(sku: Body) -> dict[str, str]:
    return {str(c.get("name")): str(c.get("value")) for c in sku.get("capabilities") or ()}


def _cores(sku: Body) -> int:
    found = _capabilities(sku)
    return int(found.get("vCPUs") or found.get("vCPUsAvailable") or 0)


def _quota(facts: Facts) -> Iterator[Finding]:
    """vCPUs of the region and of each size family, for the machines that exist at once."""
    if facts.skus is None or facts.usages is None:
        return
    wanted = temporary_machines(facts)
    counted = Counter(_size_of(facts, host).lower() for host in facts.built)
    by_family: dict[str, int] = {}
    for size, hosts in counted.items():
        sku = facts.skus.get(size)
        if sku is not None and _cores(sku):
            family = str(sku.get("family") or "")
            by_family[family] = max(by_family.get(family, 0), min(wanted, hosts) * _cores(sku))
    if not by_family:
        return
    needs = {**by_family, "cores": max(by_family.values()), "virtualMachines": wanted}
    for name, need in needs.items():
        row = facts.usages.get(name.lower())
        left = free(row)
        if row is not None and left < need:
            fits = int(left * wanted // need)
            yield error(
                "quota",
                _named(facts),
                f"{wanted} temporary machines need {need} of quota {name} in {facts.pool.location}, and "
                f"{max(left, 0):.0f} of {row.get('limit')} are free",
                (f"declare max_building: {fits}, or " if fits > 0 else "")
                + "ask for more (Azure portal: Quotas > Compute)",
            )


def free(usage: Body | None) -> float:
    """What is left of a quota; what is not listed has none."""
    return int(usage.get("limit") or 0) - int(usage.get("currentValue") or 0) if usage is not None else math.inf


def _resized(facts: Facts) -> Iterator[Finding]:
    """What hosts of another size need beyond what theirs count now: a VM that is off counts too
    (learn.microsoft.com/azure/virtual-machines/quotas)."""
    size = facts.declaration.vm_size
    wanted = (facts.skus or {}).get((size or "").lower())
    if facts.usages is None or wanted is None or not _cores(wanted):
        return
    more: Counter[str] = Counter()
    others = [host for host in facts.hosts if host.vm.size.lower() != str(size).lower()]
    for host in others:
        before = (facts.skus or {}).get(host.vm.size.lower(), {})
        more["cores"] += _cores(wanted) - _cores(before)
        same = before.get("family") == wanted.get("family")
        more[str(wanted.get("family") or "")] += _cores(wanted) - (_cores(before) if same else 0)
    for name, need in more.items():
        row = facts.usages.get(name.lower())
        if row is not None and need > free(row):
            yield error(
                "size-quota",
                f"vm_size: {size!r}",
                f"{len(others)} hosts of that size need {need} more of quota {name} in {facts.pool.location}, and "
                f"{max(free(row), 0):.0f} of {row.get('limit')} are free",
                "ask for more (Azure portal: Quotas > Compute), or declare a size of a family with room",
            )


def _size(facts: Facts, host: Host) -> Iterator[Finding]:
    """The size that the host will have: is there such a size, here, in its zone, for its generation and disk type."""
    if facts.skus is None or normal_location(host.vm.location) != normal_location(facts.pool.location):
        return
    size = _size_of(facts, host)
    subject = f"vm_size: {size!r}" if facts.declaration.vm_size else host.name
    sku = facts.skus.get(size.lower())
    choose = f"choose another (az vm list-skus --location {facts.pool.location} --resource-type virtualMachines)"
    if sku is None:
        yield error("size-unknown", subject, f"there is no size {size} in {facts.pool.location}", choose)
        return
    restricted = [r for r in sku.get("restrictions") or () if str(r.get("type")).lower() == "location"]
    if restricted:
        reason = restricted[0].get("reasonCode") or "restricted"
        yield error(
            "size-restricted", subject, f"size {size} is not available in {facts.pool.location} ({reason})", choose
        )
    for zone in host.vm.zones:
        if zone not in _zones(sku):
            yield error("size-not-in-zone", host.name, f"size {size} is not available in its zone {zone}", choose)
    yield from _fits(facts, host, sku, subject, size)


def _zones(sku: Body) -> set[str]:
    """Zones of the size, less those restricted for this subscription."""
    offered = {str(zone) for place in sku.get("locationInfo") or () for zone in place.get("zones") or ()}
    taken = {
        str(zone)
        for restriction in sku.get("restrictions") or ()
        if str(restriction.get("type")).lower() == "zone"
        for zone in dig(restriction, "restrictionInfo", "zones") or ()
    }
    return offered - taken


def _fits(facts: Facts, host: Host, sku: Body, subject: str, size: str) -> Iterator[Finding]:
    can = _capabilities(sku)
    image, declared = facts.image, facts.declaration.os_disk_type
    kind = declared or (host.os_disk.sku if host.os_disk is not None else "")
    if image.generation not in can.get("HyperVGenerations", image.generation).split(","):
        yield error(
            "size-generation",
            subject,
            f"size {size} runs generation {can['HyperVGenerations']}, and the image is {image.generation}",
            "use an image of that generation, or another vm_size",
        )
    if can.get("CpuArchitectureType", image.architecture).lower() != image.architecture.lower():
        yield error(
            "size-architecture",
            subject,
            f"size {size} is {can['CpuArchitectureType']}, and the image is {image.architecture}",
            "use an image of that architecture, or another vm_size",
        )
    if kind.startswith("Premium") and can.get("PremiumIO", "True").lower() == "false":
        yield error(
            "size-without-premium",
            f"os_disk_type: {declared!r}",
            f"size {size} takes no premium disks, such as {kind}",
            "declare StandardSSD_LRS, or another vm_size",
        )
    if host.vm.security_type == "TrustedLaunch" and can.get("TrustedLaunchDisabled", "False").lower() == "true":
        yield error(
            "size-without-trusted-launch",
            host.name,
            f"it has Trusted Launch, which size {size} does not support",
            "declare another vm_size",
        )
    yield from _attached(host, can, size)
    yield from _temporary_disk(facts, host, can, size)


def _attached(host: Host, can: dict[str, str], size: str) -> Iterator[Finding]:
    """What is attached to the host must find its place, and be encrypted as it is."""
    data_disks = len(dig(host.vm.properties, "storageProfile", "dataDisks") or ())
    for has, what, capability in (
        (data_disks, "data disks", "MaxDataDiskCount"),
        (len(host.vm.nic_ids), "network interfaces", "MaxNetworkInterfaces"),
    ):
        if has > int(can.get(capability, has)):
            yield error(
                "size-too-small",
                host.name,
                f"it has {has} {what}, and size {size} takes {can[capability]}",
                "declare a larger vm_size, or detach what is not needed",
            )
    encrypted = dig(host.vm.properties, "securityProfile", "encryptionAtHost")
    if encrypted and can.get("EncryptionAtHostSupported", "True").lower() == "false":
        yield error(
            "size-without-host-encryption",
            host.name,
            f"it is encrypted at the host, which size {size} does not support",
            "declare another vm_size",
        )


def _temporary_disk(facts: Facts, host: Host, can: dict[str, str], size: str) -> Iterator[Finding]:
    """A VM cannot be resized between sizes with and without a local temporary disk
    (learn.microsoft.com/azure/virtual-machines/azure-vms-no-temp-disk)."""
    before = (facts.skus or {}).get(host.vm.size.lower())
    if before is None or facts.declaration.vm_size is None:
        return
    has, will = (
        _capabilities(before).get("MaxResourceVolumeMB", "0") != "0",
        can.get("MaxResourceVolumeMB", "0") != "0",
    )
    if has != will:
        yield error(
            "size-temporary-disk",
            f"vm_size: {size!r}",
            f"{size} has {'a' if will else 'no'} temporary disk, and {host.vm.size} has {'one' if has else 'none'}; "
            "Azure refuses the change",
            f"declare a size {'with' if has else 'without'} a temporary disk",
        )
