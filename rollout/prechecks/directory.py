"""May the devices of the directory be read? That they may be deleted too is not known before the first one is."""

from __future__ import annotations

from rollout.azure import Azure
from rollout.declaration import DeviceCleanup
from rollout.errors import AzureError, Forbidden
from rollout.prechecks.facts import Facts
from rollout.prechecks.findings import Finding, error


async def check(azure: Azure, facts: Facts) -> list[Finding]:
    """Asks Microsoft Graph for the device of the first host, where devices are to be deleted by it."""
    if facts.declaration.device_cleanup is not DeviceCleanup.GRAPH or not facts.hosts:
        return []
    subject = "device_cleanup: 'graph'"
    try:
        await azure.count_directory_devices(facts.hosts[0].vm.computer_name)
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
    return []
