"""Names and tags of everything a capture makes: deterministic, so that a rerun from nothing finds its own work."""

from __future__ import annotations

from datetime import UTC, datetime

from rollout.names import digest

OURS = "avd-capture"
"""Every tag that a capture writes on the golden VM starts with this; none is left at its end."""
RECORD = "avd-capture"
"""Tag of the golden VM: the capture's record."""
CLONE = "avd-capture-clone"
"""Tag of the golden VM: id of the clone, so that a capture of another declaration can remove it."""
VERSION = "avd-capture-version"
"""Tag of the golden VM and of all that is made: id of the image version."""
LEASE = "avd-capture-lease"
"""Tag of the image definition: who captures for it, as the lease of a host pool."""
ID = "avd-capture-id"
"""Tag of all that is made: which declaration made it."""
GOLDEN = "avd-golden-vm"
"""Tag of all that is made: id of the golden VM."""
BACKUP = "avd-backup"
"""Tag of a snapshot: `before` the updates, or `after` them. Tag of a disk: `replaced`, the golden VM's own, which a
failed update had changed."""
SOURCE = "avd-source-snapshot"
"""Tag of an image version: name of the snapshot that it was made from."""
UPDATES = "avd-updates"
"""Tag of an image version: names of the update scripts that ran before."""
BOOT_TEST = "avd-boot-test"
"""Tag of an image version: `passed`, or `failed: ` and why."""
TEST_COMMAND = "avd-capture-test"
"""Managed run command on the machine of a boot test."""
UPDATE_COMMAND = "avd-capture-update"
"""Managed run command on the golden VM, there only while it runs."""


def capture_id(*parts: str) -> str:
    """One id per golden VM, image version and what is done before the capture."""
    return digest(*parts)


def key(capture: str, began: int) -> str:
    """One try of a capture; part of the names of its clone."""
    return digest(capture, str(began))


def clone(key: str) -> str:
    """Of the clone's VM."""
    return f"avdcap-{key}"


def clone_nic(key: str) -> str:
    return f"{clone(key)}-nic"


def clone_disk(key: str) -> str:
    return f"{clone(key)}-disk"


def test_vm(key: str) -> str:
    """Of the machine of the boot test. Its computer name is the same, shortened to Windows' 15 characters."""
    return f"avdcap-{key}-test"


def test_nic(key: str) -> str:
    return f"{test_vm(key)}-nic"


def test_disk(key: str) -> str:
    return f"{test_vm(key)}-disk"


def snapshot(vm_name: str, began: int, which: str) -> str:
    """`golden-20260112-200000-before`; 80 characters at most."""
    return f"{vm_name[:56]}-{datetime.fromtimestamp(began, UTC):%Y%m%d-%H%M%S}-{which}"


def restored_disk(vm_name: str, key: str) -> str:
    """The golden VM's disk as it was before a failed update."""
    return f"{vm_name[:60]}_OsDisk_{key}"
