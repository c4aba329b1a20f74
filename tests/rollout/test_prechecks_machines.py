"""Pre-checks of each host's machine."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from rollout.images import Image
from tests.support.observed import host, image, pool
from tests.support.prechecked import ids, only

CONFIDENTIAL = image(security_types=frozenset({"Standard", "TrustedLaunch", "ConfidentialVM"}))


def properties(**changes: Any) -> dict[str, Any]:
    return {"properties": changes}


def extension(publisher: str, kind: str, **settings: Any) -> dict[str, Any]:
    return {"name": kind, "properties": {"publisher": publisher, "type": kind, "settings": settings}}


ADE = extension("Microsoft.Azure.Security", "AzureDiskEncryption")
EPHEMERAL = properties(storageProfile={"osDisk": {"diffDiskSettings": {"option": "Local"}}})
NAMED_SET = properties(storageProfile={"osDisk": {"managedDisk": {"diskEncryptionSet": {"id": "/des/a"}}}})
HIBERNATES = properties(additionalCapabilities={"hibernationEnabled": True})
RESERVED = properties(diskState="Reserved")


@pytest.mark.parametrize(
    ("vm", "disk", "target", "wanted"),
    [
        (EPHEMERAL, {}, image(), "ephemeral-os-disk"),
        ({"resources": [ADE]}, {}, image(), "azure-disk-encryption"),
        ({}, properties(encryptionSettingsCollection={"enabled": True}), image(), "azure-disk-encryption"),
        (properties(securityProfile={"securityType": "ConfidentialVM"}), {}, CONFIDENTIAL, "confidential-vm"),
        (NAMED_SET, {}, image(), "encryption-set"),
        (properties(instanceView={"statuses": [{"code": "HibernationState/Hibernated"}]}), {}, image(), "hibernated"),
        (HIBERNATES, RESERVED, image(), "(hibernated)"),
        (properties(provisioningState="Failed"), {}, image(), "(vm-failed)"),
        ({"resources": [extension("Contoso", "Agent")]}, {}, image(), "unknown-extension"),
    ],
)
async def test_a_host_that_cannot_be_swapped_is_named(
    vm: dict[str, Any], disk: dict[str, Any], target: Image, wanted: str
) -> None:
    hosts = [host("vm-0", vm=vm, disk=disk), host("vm-1")]
    assert await ids(pool(hosts), target=target) == [wanted]
    found = await only(pool(hosts), target=target)
    assert found.subject == "vm-0" and found.remedy


async def test_an_excluded_host_may_be_anything() -> None:
    hosts = [host("vm-0", vm=EPHEMERAL), host("vm-1"), host("vm-2")]
    assert await ids(pool(hosts), exclude=["vm-0"]) == []


async def test_the_same_encryption_set_and_a_running_host_that_may_hibernate_are_fine() -> None:
    encrypted = properties(encryption={"diskEncryptionSetId": "/DES/A"})
    assert await ids(pool([host("vm-0", vm=NAMED_SET, disk=encrypted), host("vm-1", vm=HIBERNATES)])) == []


async def test_an_os_disk_that_cannot_be_read_is_told() -> None:
    blind = dataclasses.replace(host("vm-0"), os_disk=None)
    found = await only(pool([blind, host("vm-1")]))
    assert found.id == "os-disk-unreadable" and "vm-0-os" in found.problem


async def test_known_extensions_and_bare_names_are_fine() -> None:
    known = [extension("Microsoft.Powershell", "DSC"), extension("Microsoft.Azure.Monitor", "AzureMonitorWindowsAgent")]
    assert await ids(pool([host("vm-0", vm={"resources": [*known, {"id": "/x/extensions/bare"}]}), host("vm-1")])) == []


async def test_an_unknown_extension_is_named_with_publisher_and_type() -> None:
    found = await only(pool([host("vm-0", vm={"resources": [extension("Contoso", "Agent")]}), host("vm-1")]))
    assert "Contoso/Agent" in found.problem and "az vm extension delete" in found.remedy
