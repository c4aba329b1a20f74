"""Hosts whose OS disk cannot be swapped, each with what would have to change."""

from __future__ import annotations

from collections.abc import Iterator

from rollout.arm import dig
from rollout.extensions import ENCRYPTION, UNKNOWN, classify
from rollout.observation import Host
from rollout.prechecks.actions import ENCRYPTION_SETS_READ, PERMISSIONS_READ
from rollout.prechecks.facts import Facts, may_be_hibernated
from rollout.prechecks.findings import Finding, error, warning
from rollout.prechecks.rights import allows


def check(facts: Facts) -> Iterator[Finding]:
    yield from _encryption_sets(facts)
    for host in facts.hosts:
        yield from _disk(host)
        yield from _encryption(facts, host)
        yield from _state(facts, host)
        yield from _extensions(facts, host)


def _disk(host: Host) -> Iterator[Finding]:
    if dig(host.vm.os_disk, "diffDiskSettings", "option"):
        yield error(
            "ephemeral-os-disk",
            host.name,
            "its OS disk is ephemeral (diffDiskSettings): there is no managed disk to swap",
            "reimage it instead (az vm reimage), exclude it, or make it anew with a managed OS disk",
        )
    elif host.os_disk is None:
        yield error(
            "os-disk-unreadable",
            host.name,
            f"its OS disk {host.vm.os_disk_name} cannot be read, so the image it runs is not known",
            "give the role Microsoft.Compute/disks/read on the disk's resource group, or exclude the host",
        )


def _encryption(facts: Facts, host: Host) -> Iterator[Finding]:
    by_extension = any((e.publisher.lower(), e.type.lower()) == ENCRYPTION for e in facts.vm(host).extensions)
    disk = host.os_disk.body if host.os_disk is not None else {}
    settings = dig(disk, "properties", "encryptionSettingsCollection", "enabled")
    if settings or by_extension or dig(host.vm.os_disk, "encryptionSettings", "enabled"):
        yield error(
            "azure-disk-encryption",
            host.name,
            "Azure Disk Encryption is on, and Azure refuses an OS disk swap then "
            "(OSDiskSwapNotSupportedForVMsUsingDiskEncryption)",
            "use encryption at host instead (az vm encryption disable, az vm update --set "
            "securityProfile.encryptionAtHost=true), or exclude it",
        )
    if host.vm.security_type == "ConfidentialVM":
        yield error(
            "confidential-vm",
            host.name,
            "it is a confidential VM: its OS disk is bound to its virtual TPM",
            "exclude it, or make it anew from the image",
        )
    declared = dig(host.vm.os_disk, "managedDisk", "diskEncryptionSet", "id")
    found = host.os_disk.encryption_set if host.os_disk is not None else None
    if declared and host.os_disk is not None and str(declared).lower() != (found or "").lower():
        yield error(
            "encryption-set",
            host.name,
            f"the VM names the disk encryption set {declared}, and its OS disk is encrypted by {found or 'none'}",
            "bring the two together (az disk update --disk-encryption-set), or exclude it",
        )


def _encryption_sets(facts: Facts) -> Iterator[Finding]:
    """The right to use the customer's key, which lies beside the pool."""
    for id in facts.encryption_sets:
        permissions = facts.permissions.get(id)
        if permissions is not None and allows(permissions, ENCRYPTION_SETS_READ):
            continue
        assign = f"(az role assignment create --role Reader --assignee <client id> --scope {id})"
        if permissions is None:
            yield warning(
                "encryption-set-rights",
                id,
                "whether the updater may make disks that are encrypted by it is not known: its rights there cannot be "
                "read",
                f"give it {ENCRYPTION_SETS_READ} and {PERMISSIONS_READ} there {assign}",
            )
        else:
            yield error(
                "encryption-set-rights",
                id,
                f"the updater lacks {ENCRYPTION_SETS_READ} there, and Azure refuses to make a machine whose disk is "
                "encrypted by it (LinkedAuthorizationFailed)",
                f"give it that {assign}",
            )


def _state(facts: Facts, host: Host) -> Iterator[Finding]:
    vm = facts.vm(host)
    if any("hibernat" in code.lower() for code in vm.status_codes):
        yield error(
            "hibernated",
            host.name,
            "it is hibernated: its memory belongs to the OS disk it has",
            "start it once (az vm start), so that the session goes on and ends, or exclude it",
        )
    elif may_be_hibernated(host) and not vm.status_codes:
        yield warning(
            "hibernated",
            host.name,
            "it is off and may be hibernated (additionalCapabilities.hibernationEnabled)",
            "start it once (az vm start) before the update, or exclude it",
        )
    if vm.provisioning_state == "Failed":
        yield warning(
            "vm-failed",
            host.name,
            "its provisioningState is Failed: an earlier operation on it did not end well",
            "look at it in the portal; az vm reapply often mends it",
        )


def _extensions(facts: Facts, host: Host) -> Iterator[Finding]:
    declared = facts.declaration.post_update.kinds
    for extension in facts.vm(host).extensions:
        known = (extension.publisher.lower(), extension.type.lower()) == ENCRYPTION  # told above
        if classify(extension, declared) is UNKNOWN and not known:
            yield error(
                "unknown-extension",
                host.name,
                f"extension {extension.name} ({extension.publisher}/{extension.type}) would run again on the new disk, "
                "and what that does is not known",
                "remove it (az vm extension delete), or exclude the host",
            )
