"""What becomes of a VM's extensions when its OS disk is swapped.

Extensions belong to the VM, not to the disk: after a swap all that are still on the VM run again on the new disk, with
their old settings (azure-sdk-for-net issue 51086, azure-libraries-for-net issue 1159). A join or an agent install with
an old token must not; a monitoring agent should. So every extension is in one of four classes, and what is in none of
the lists is unknown, which is an error before anything is touched.
"""

from __future__ import annotations

from collections.abc import Container, Iterable
from enum import StrEnum

from rollout.arm import Extension


class Class(StrEnum):
    KEEP = "keep"
    """Stays, and must report success on the new disk before the host serves."""
    REMOVE = "remove"
    """Has done its work; removed while the VM still runs, because a stopped VM refuses it (RDS-Templates issue 685)."""
    REMOVE_AFTER_DRAIN = "remove after drain"
    """As REMOVE, but only once nobody is signed in."""
    UNKNOWN = "unknown"


KEEP = Class.KEEP
REMOVE = Class.REMOVE
REMOVE_AFTER_DRAIN = Class.REMOVE_AFTER_DRAIN
UNKNOWN = Class.UNKNOWN

TABLE: dict[tuple[str, str], Class] = {
    # One-time work that would be done again with old settings.
    # DSC: the agent install of Microsoft's own templates (Azure/RDS-Templates, ARM-wvd-templates).
    ("microsoft.powershell", "dsc"): REMOVE,
    # Active Directory join; running again breaks the trust of a joined machine (azure-devtestlab issue 909).
    ("microsoft.compute", "jsonaddomainextension"): REMOVE,
    # Scripts, learn.microsoft.com/azure/virtual-machines/extensions/custom-script-windows.
    ("microsoft.compute", "customscriptextension"): REMOVE,
    # Local administrator reset, which would set an old password:
    # learn.microsoft.com/azure/virtual-machines/extensions/vmaccess-windows
    ("microsoft.compute", "vmaccessagent"): REMOVE,
    # Run Command: the action leaves a hidden extension of this type, and managed run commands are children of the VM
    # (learn.microsoft.com/azure/virtual-machines/windows/run-command, run-command-managed).
    ("microsoft.cplat.core", "runcommandwindows"): REMOVE,
    ("microsoft.cplat.core", "runcommandhandlerwindows"): REMOVE,
    # Entra join: what its removal does to a host with users is not documented (unverified), so nobody is on it then.
    ("microsoft.azure.activedirectory", "aadloginforwindows"): REMOVE_AFTER_DRAIN,
    # Standing agents: Azure reinstalls them on the new disk from the VM's model.
    # learn.microsoft.com/azure/azure-monitor/agents/azure-monitor-agent-manage
    ("microsoft.azure.monitor", "azuremonitorwindowsagent"): KEEP,
    # learn.microsoft.com/azure/azure-monitor/vm/vminsights-dependency-agent
    ("microsoft.azure.monitoring.dependencyagent", "dependencyagentwindows"): KEEP,
    # learn.microsoft.com/azure/azure-monitor/agents/diagnostics-extension-windows-install
    ("microsoft.azure.diagnostics", "iaasdiagnostics"): KEEP,
    # Log Analytics agent, retired August 2024 but still found on hosts.
    ("microsoft.enterprisecloud.monitoring", "microsoftmonitoringagent"): KEEP,
    # learn.microsoft.com/defender-endpoint/azure-server-integration
    ("microsoft.azure.azuredefenderforservers", "mde.windows"): KEEP,
    # Defender's vulnerability scanner (Qualys):
    # learn.microsoft.com/azure/defender-for-cloud/deploy-vulnerability-assessment-vm
    ("qualys", "windowsagent.azuresecuritycenter"): KEEP,
    # learn.microsoft.com/azure/virtual-machines/extensions/iaas-antimalware-windows
    ("microsoft.azure.security", "iaasantimalware"): KEEP,
    # Trusted Launch attestation, learn.microsoft.com/azure/virtual-machines/boot-integrity-monitoring-overview
    ("microsoft.azure.security.windowsattestation", "guestattestation"): KEEP,
    # learn.microsoft.com/azure/virtual-machines/extensions/guest-configuration
    ("microsoft.guestconfiguration", "configurationforwindows"): KEEP,
    # learn.microsoft.com/azure/virtual-machines/extensions/network-watcher-windows
    ("microsoft.azure.networkwatcher", "networkwatcheragentwindows"): KEEP,
    # learn.microsoft.com/azure/virtual-machines/extensions/health-extension
    ("microsoft.managedservices", "applicationhealthwindows"): KEEP,
    # learn.microsoft.com/azure/virtual-machines/extensions/key-vault-windows
    ("microsoft.azure.keyvault", "keyvaultforwindows"): KEEP,
    # Update Manager, learn.microsoft.com/azure/update-manager/workflow-update-manager
    ("microsoft.cplat.core", "windowspatchextension"): KEEP,
    ("microsoft.cplat.core", "windowsosupdateextension"): KEEP,
    ("microsoft.softwareupdatemanagement", "windowsosupdateextension"): KEEP,
    # Change Tracking, learn.microsoft.com/azure/automation/change-tracking/overview-monitoring-agent
    ("microsoft.azure.changetrackingandinventory", "changetracking-windows"): KEEP,
    # Azure Backup's snapshot agent, learn.microsoft.com/azure/backup/backup-azure-vms-introduction
    ("microsoft.azure.recoveryservices", "vmsnapshot"): KEEP,
    # GPU drivers, learn.microsoft.com/azure/virtual-machines/extensions/hpccompute-gpu-windows and -amd-gpu-windows
    ("microsoft.hpccompute", "nvidiagpudriverwindows"): KEEP,
    ("microsoft.hpccompute", "amdgpudriverwindows"): KEEP,
    # learn.microsoft.com/windows-server/manage/windows-admin-center/azure/manage-vm
    ("microsoft.admincenter", "admincenter"): KEEP,
}
"""(publisher, type) in lower case. Source of each row beside it; which class follows from what the extension does."""

ENCRYPTION = ("microsoft.azure.security", "azurediskencryption")
"""Azure Disk Encryption refuses an OS disk swap (OSDiskSwapNotSupportedForVMsUsingDiskEncryption); a pre-check of its
own says so, so here it is unknown."""

AD_JOIN = ("Microsoft.Compute", "JsonADDomainExtension")
ENTRA_JOIN = ("Microsoft.Azure.ActiveDirectory", "AADLoginForWindows")


def classify(extension: Extension, declared: Container[tuple[str, str]] = ()) -> Class:
    """The class of an extension, from a single GET of its VM: a list names extensions without saying what they are.
    A child without publisher and type is a managed run command (inferred), and removed. One that is `declared` for
    updated hosts (publisher and type in lower case) is kept where the table does not know it."""
    if not extension.publisher and not extension.type:
        return Class.REMOVE
    kind = extension.publisher.lower(), extension.type.lower()
    return TABLE.get(kind, Class.KEEP if kind in declared else Class.UNKNOWN)


def of_class(
    extensions: Iterable[Extension], wanted: Class, declared: Container[tuple[str, str]] = ()
) -> tuple[Extension, ...]:
    """The extensions of one class, in their order."""
    return tuple(extension for extension in extensions if classify(extension, declared) is wanted)
