"""Entra devices: a host leaves one behind, in whose way the same name would join again. Whether devices may be deleted
is not known before the first one is."""

from __future__ import annotations

from rollout.azure import Azure
from rollout.declaration import DeviceCleanup, JoinType
from rollout.errors import AzureError, Forbidden
from rollout.prechecks.facts import Facts
from rollout.prechecks.findings import Finding, error, warning


async def check(azure: Azure, facts: Facts) -> list[Finding]:
    """Asks Microsoft Graph for the device of the first host, where devices are to be deleted by it."""
    cleanup, join = facts.declaration.device_cleanup, facts.declaration.join
    if cleanup is DeviceCleanup.NONE and facts.hosts and join is not None and join.type is JoinType.ENTRA:
        return [
            warning(
                "entra-device-in-the-way",
                "device_cleanup: 'none'",
                "the device of each host stays in Entra ID, and a new disk cannot join by its name while it is there",
                "declare device_cleanup: leave or graph, unless something else deletes a device while its host is out",
            )
        ]
    if cleanup is not DeviceCleanup.GRAPH or not facts.hosts:
        return []
    subject, name = "device_cleanup: 'graph'", facts.hosts[0].vm.computer_name
    try:
        devices = await azure.count_directory_devices(name)
    except Forbidden as refused:
        return [
            error(
                "graph-forbidden",
                subject,
                f"Microsoft Graph does not let the updater read devices ({refused.status} {refused.code})",
                "grant it the application permission Device.ReadWrite.All of Microsoft Graph, with the consent of an "
                "administrator, or declare device_cleanup: leave",
            )
        ]
    except AzureError as failed:
        return [
            error(
                "graph-unreadable",
                subject,
                f"Microsoft Graph could not be asked for devices ({failed.status} {failed.code})",
                "check that it is reachable from here, or declare device_cleanup: leave",
            )
        ]
    if devices > 1:
        return [
            warning(
                "entra-devices-of-one-name",
                facts.hosts[0].name,
                f"Entra ID has {devices} devices named {name}, and all of them are deleted before it joins again",
                "delete those of former machines, or rename what else has the name (Microsoft Entra admin center: "
                "Devices > All devices)",
            )
        ]
    return []
