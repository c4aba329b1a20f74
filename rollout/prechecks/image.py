"""Does the image fit the hosts: region, generation, security type, architecture, disk size, purchase plan?"""

from __future__ import annotations

import math
from collections.abc import Iterator

from rollout.arm import dig
from rollout.images import Image, Kind, normal_location
from rollout.observation import Host
from rollout.prechecks.building import temporary_machines
from rollout.prechecks.facts import Facts
from rollout.prechecks.findings import Finding, error, graded, warning

CREATIONS_PER_REPLICA = 50
"""Concurrent VM creations per replica (MicrosoftDocs/azure-compute-docs, azure-compute-gallery.md)."""
USABLE = ("Completed", "Unknown")


def check(facts: Facts) -> Iterator[Finding]:
    if not facts.built:
        return
    yield from _kind(facts)
    for location in sorted({normal_location(host.vm.location) for host in facts.built}):
        yield from _region(facts, location)
    for host in facts.built:
        yield from _host(facts.image, host, facts.declaration.grow_os_disk)


def _named(image: Image) -> str:
    return f"version: {image.version!r}" if image.kind is not Kind.MANAGED else f"image: {image.id!r}"


def _kind(facts: Facts) -> Iterator[Finding]:
    image = facts.image
    if image.os_type.lower() != "windows":
        yield error("image-os", _named(image), f"its osType is {image.os_type}", "use a Windows image")
    if image.os_state.lower() != "generalized":
        yield error(
            "image-specialized",
            _named(image),
            f"its osState is {image.os_state}: it would give every host the same name and machine id",
            "use a generalized image (sysprep, then an image definition with --os-state Generalized)",
        )
    if image.end_of_life:
        yield warning(
            "image-end-of-life", _named(image), f"its end of life is {image.end_of_life}", "use a newer version"
        )
    if image.publisher:
        yield warning(
            "image-community",
            _named(image),
            f"it is published to everybody by {image.publisher}; Microsoft neither checks nor supports it",
            "use it where you trust its publisher and accept these terms, or copy a version into a gallery of your own",
        )


def _region(facts: Facts, location: str) -> Iterator[Finding]:
    image = facts.image
    region = image.in_region(location)
    if region is None:
        where = ", ".join(sorted(image.regions)) or "no region"
        remedy = f"use an image of {location}"
        if image.kind is Kind.GALLERY:
            remedy = (
                f"replicate it there (az sig image-version update --ids {image.id} "
                f"--add publishingProfile.targetRegions name={location})"
            )
        elif image.kind in (Kind.SHARED, Kind.COMMUNITY):
            remedy = "give the hosts of each region a pool of their own: what others share is looked at in one region"
        yield error("image-not-in-region", _named(image), f"is in {where}, and hosts are in {location}", remedy)
    elif region.state not in USABLE:
        yield error(
            "image-not-replicated",
            _named(image),
            f"its replication to {location} is {region.state}",
            "wait until it is Completed (az sig image-version show --expand ReplicationStatus), or use another version",
        )
    elif image.kind is Kind.GALLERY:
        wanted = math.ceil(temporary_machines(facts) / CREATIONS_PER_REPLICA)
        if region.replicas < wanted:
            yield warning(
                "image-replicas",
                _named(image),
                f"it has {region.replicas} replica(s) in {location}, and {temporary_machines(facts)} machines are "
                f"built at once: {wanted} or more are advised (one per {CREATIONS_PER_REPLICA} creations)",
                f"raise its replica count there, or declare max_building: {region.replicas * CREATIONS_PER_REPLICA}",
            )


def _host(image: Image, host: Host, may_grow: bool) -> Iterator[Finding]:
    disk = host.os_disk
    definition = "image" if image.kind is not Kind.MANAGED else "image (managed images are Standard only)"
    if disk is not None and disk.generation and disk.generation.upper() != image.generation.upper():
        yield error(
            "image-generation",
            host.name,
            f"is a Hyper-V generation {disk.generation} VM, and {_named(image)} is {image.generation}: its disk would "
            "not boot",
            f"use an image of generation {disk.generation}",
        )
    if host.vm.security_type not in image.security_types:
        supported = ", ".join(sorted(image.security_types))
        yield error(
            "image-security-type",
            host.name,
            f"its securityType is {host.vm.security_type}, and the {definition} supports {supported}",
            f"use an image definition with the feature SecurityType for {host.vm.security_type} "
            "(az sig image-definition create --features SecurityType=TrustedLaunchSupported)",
        )
    architecture = dig(disk.body, "properties", "supportedCapabilities", "architecture") if disk is not None else None
    if architecture and str(architecture).lower() != image.architecture.lower():
        yield error(
            "image-architecture",
            host.name,
            f"is {architecture}, and {_named(image)} is {image.architecture}",
            f"use an image of architecture {architecture}",
        )
    if disk is not None and disk.size_gb and image.os_disk_gb > disk.size_gb:
        yield graded(
            not may_grow,
            "image-larger-disk",
            host.name,
            f"its OS disk has {disk.size_gb} GB, and {_named(image)} needs {image.os_disk_gb} GB"
            + (": the disk grows" if may_grow else ""),
            f"expect the price of {image.os_disk_gb} GB"
            if may_grow
            else f"capture the image with {disk.size_gb} GB, or declare grow_os_disk: true (disks cannot shrink again)",
        )
    yield from _purchase_plan(image, host)


def _purchase_plan(image: Image, host: Host) -> Iterator[Finding]:
    has = host.vm.body.get("plan") or None
    if _key(has) != _key(image.plan):
        yield error(
            "purchase-plan",
            host.name,
            f"its purchase plan is {_plan_name(has)} and that of {_named(image)} is {_plan_name(image.plan)}; "
            "a VM's plan can never change",
            "use an image with the same plan, or make this host anew",
        )


def _key(plan: object) -> tuple[str, ...]:
    found = plan if isinstance(plan, dict) else {}
    return tuple(str(found.get(key) or "").lower() for key in ("publisher", "product", "name"))


def _plan_name(plan: object) -> str:
    return "/".join(_key(plan)) if isinstance(plan, dict) else "none"
