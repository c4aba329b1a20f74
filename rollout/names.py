"""Names and tags of everything the engine makes: deterministic, so that a rerun from nothing finds its own work."""

from __future__ import annotations

import hashlib
import re

RECORD = "avd-rollout"
"""Tag of a VM: the host's record. Tag of a host pool: the rollout's record."""
FRIENDLY_NAME = "avd-rollout-friendly-name"
"""Tag of a VM in work: the session host's friendlyName, lost when its record is deleted."""
POOL = "avd-rollout-pool"
"""Tag of a VM in work and of temporary resources: the name of the host pool. While a host's session-host record is
deleted (release to rejoin) this tag beside the record is what says that the VM belongs to the pool."""
GROUP = "avd-rollout-group-"
"""Prefix of the pool's tags that hold the ids of the resource groups of its hosts, so that a host whose session-host
record is deleted is found again, even if it was the only one in its group."""
SESSION_HOST = "avd-rollout-session-host"
"""Tag of a VM in work: the name of its session-host record, which is deleted for a while."""
LEASE = "avd-rollout-lease"
"""Tag of a host pool: who works on it, `owner=ada@desk-7 4711;fence=3;until=1768251600`."""
PAUSE = "avd-rollout-pause"
"""Tag of a host pool: who asked for a pause, and when; absent when nobody did."""
APPROVAL = "avd-rollout-approval"
"""Tag of a host pool: who approved that the rest follows the canary of which attempt."""
PROMOTION = "avd-rollout-promotion-"
"""Prefix of the pool's tags that hold who approved which version for it, one for each person."""
ABORT = "avd-rollout-abort"
"""Tag of a host pool: who ended which attempt."""
REHEARSAL = "avd-rollout-rehearsal"
"""Tag of a host pool while a disk is rehearsed: the id of the temporary network interface."""
HISTORY = "avd-rollout-history"
"""Tag of a host pool: its last rollouts, the newest first."""
LAST = "avd-rollout-last"
"""Tag of a host pool: the last that a run has written of itself, in words: when, what, by whom, why."""
LOAD = "avd-rollout-load-"
"""Prefix of the pool's two tags that hold the most sessions seen in each hour of the week."""
TARGET = "avd-rollout-image"
"""Tag of a host pool: the id of the image version that is rolled out (a digest of one too long for a tag)."""
DECLARATION = "avd-rollout-declaration-"
"""Prefix of the pool's tags that hold the declaration, in pieces of 256 characters."""
SCHEDULE = "avd-rollout-schedule"
"""Tag of a host pool: the rollout that holds it until its window opens, and when that is; empty or absent for none."""
SCHEDULED = "avd-rollout-scheduled-"
"""Prefix of the pool's tags that hold the declaration of that rollout, until it begins."""
TOLD = "avd-rollout-told"
"""Tag of a host pool: which reminders, pre-checks and proofs `hostpool tick` has told."""
OURS = "avd-rollout"
"""Every tag the engine writes on VMs and pools starts with this."""
DISK = "avd-disk"
"""Every tag it writes on disks alone starts with this."""

LEAVE_COMMAND, REPAIR_COMMAND, VERIFY_COMMAND = "avd-leave", "avd-repair", "avd-verify"
REGISTER_COMMAND = "avd-register"
CONTAINERS_COMMAND, POST_UPDATE_COMMAND = "avd-containers", "avd-post-update"
RUN_COMMANDS = (
    LEAVE_COMMAND,
    REPAIR_COMMAND,
    REGISTER_COMMAND,
    VERIFY_COMMAND,
    CONTAINERS_COMMAND,
    POST_UPDATE_COMMAND,
)
"""Managed run commands on a host, there only while they run."""

DISK_IMAGE = "avd-image"
"""Tag of an OS disk: the id of the image version it was made from."""
DISK_HOST = "avd-host"
"""Tag of a disk or temporary resource: the name of the VM it belongs to."""
DISK_HOST_ID = "avd-host-id"
"""Tag of a disk or temporary resource: the vmId of the VM it belongs to."""
DISK_ROLLOUT = "avd-rollout"
"""Tag of a disk or temporary resource: the id of the rollout that made or replaced it."""
DISK_STATE = "avd-disk"
"""Tag of a disk: `building`, `ready` (built and provisioned), `old` (replaced), `failed` (replaced after a failure),
`quarantined` (failed, and kept for analysis)."""
DISK_KEEP_UNTIL = "avd-keep-until"
"""Tag of a disk that is replaced or in quarantine: until when it is kept, such as `2026-01-14T00:36:25Z`."""


_KEY = re.compile(r"(?:^avdtmp-|_OsDisk_)([0-9a-f]{10})(?:-nic)?$")


def digest(*parts: str, length: int = 10) -> str:
    """A short hash that is the same on every machine."""
    return hashlib.sha256("\n".join(part.lower() for part in parts).encode()).hexdigest()[:length]


def rollout_id(host_pool_id: str, target: str, vm_size: str | None, os_disk_type: str | None) -> str:
    """One id per pool and desired state."""
    return digest(host_pool_id, target, vm_size or "", os_disk_type or "", length=8)


def build_key(vm_id: str, target: str, attempt: int) -> str:
    """What one build of one host is called; part of the names of its temporary VM, NIC and disk."""
    return digest(vm_id, target, str(attempt))


def temporary_vm(key: str) -> str:
    return f"avdtmp-{key}"


def temporary_nic(key: str) -> str:
    return f"avdtmp-{key}-nic"


def new_disk(vm_name: str, key: str) -> str:
    """Disk names have 80 characters at most."""
    return f"{vm_name[:60]}_OsDisk_{key}"


def key_in(name: str) -> str:
    """The build key in the name of a temporary NIC or of a disk that was built; empty where it has none."""
    found = _KEY.search(name)
    return found[1] if found else ""
