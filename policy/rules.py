"""What each guard rail asks for: pure functions of a resource's inputs that return what is wrong, or nothing.

A value that is not known yet stops the rule that reads it, by an exception of the policy SDK: Pulumi says so, and asks
again once it is known.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any

UPDATE = "pulumi-python:dynamic/avd:HostPoolImageUpdate"
IMAGE_VERSION = re.compile(r"azure-native:compute(/v\w+)?:GalleryImageVersion")
PRODUCTION = ("prod", "prod-*", "*-prod", "production")
"""Stacks that serve people, unless the pack's configuration names others."""
SHARE = 20.0
"""Percent of a pool that may be out of service at once."""
REPLICAS = 2
_OF = re.compile(r"\d+ of (\d+) ")


def stack_of(urn: str) -> str:
    """The stack of `urn:pulumi:<stack>::<project>::<type>::<name>`."""
    return urn.removeprefix("urn:pulumi:").partition("::")[0]


def matches(stack: str, patterns: Iterable[str]) -> bool:
    """Whether a stack's name is one of the patterns, such as `prod-*`."""
    return any(fnmatchcase(stack, pattern) for pattern in patterns)


def canary(inputs: Mapping[str, Any]) -> str | None:
    """A host goes first, alone. (What is not declared has one: that is the default.)"""
    declared = inputs.get("canary") or {}
    if declared.get("names") or declared.get("per_zone") or declared.get("hosts", 1) >= 1:
        return None
    return "canary.hosts is 0: nobody goes first; declare canary: {hosts: 1, bake: PT2H} or more"


def max_unavailable(inputs: Mapping[str, Any], share: float = SHARE) -> str | None:
    """No more of the pool is out at once. One host always may be, or none could be updated; a number above that is
    compared with the size of the pool, which the preview's `state` says."""
    declared = inputs.get("max_unavailable", 1)
    remedy = f'declare max_unavailable: "{share:g}%" or less'
    if isinstance(declared, str):
        percent = float(declared.strip().removesuffix("%"))
        return f"max_unavailable is {declared}, more than {share:g}%; {remedy}" if percent > share else None
    if declared <= 1:
        return None
    found = _OF.search(str(inputs.get("state") or ""))
    if found is None:
        return f"max_unavailable is {declared:g} hosts of a pool whose size is not known; {remedy}"
    most = max(1, math.floor(int(found[1]) * share / 100))
    return (
        f"max_unavailable is {declared:g} of {found[1]} hosts, more than {share:g}%; {remedy}"
        if declared > most
        else None
    )


def window(inputs: Mapping[str, Any]) -> str | None:
    """Hosts go out of service at agreed times."""
    if inputs.get("window"):
        return None
    return (
        "there is no window, so that hosts go out of service whenever pulumi up runs; declare one, such as "
        'window: {recur_every: Week Saturday, start: "22:00", duration: PT6H, time_zone: Europe/Amsterdam}'
    )


def pinned_version(inputs: Mapping[str, Any]) -> str | None:
    """The version is written down, or promoted from a stack that has proven it."""
    if str(inputs.get("version", "")).lower() != "latest":
        return None
    return "version is latest: whoever publishes one decides what is rolled out; write x.y.z, or declare promote_from"


def replicas(inputs: Mapping[str, Any], least: int = REPLICAS) -> list[str]:
    """Each region of an image version has that many copies, so that many disks at once are not throttled and the loss
    of one leaves another (learn.microsoft.com/azure/virtual-machines/azure-compute-gallery: replicas)."""
    profile = inputs.get("publishingProfile") or {}
    default = profile.get("replicaCount", 1)
    regions = profile.get("targetRegions") or [{"name": inputs.get("location", "its region")}]
    found = {str(region["name"]): region.get("regionalReplicaCount", default) for region in regions}
    return [
        f"region {name} has {count:g} replica{'' if count == 1 else 's'}, fewer than {least}; write replicas: {least}"
        for name, count in found.items()
        if count < least
    ]
