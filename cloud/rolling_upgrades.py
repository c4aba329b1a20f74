"""Rolling upgrades of Microsoft.Compute/virtualMachineScaleSets. Those that start, cancel or approve one return when
Azure has accepted it: an upgrade takes hours, and whoever watches it reads how far it is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from cloud.api_versions import VIRTUAL_MACHINES
from cloud.connection import Connection, content
from cloud.errors import translated
from cloud.ids import parse
from rollout.azure import Body


class RollingUpgradeOperations:
    """The rolling upgrade part of `os_upgrades.upgrade_look.UpgradeAzure`."""

    connection: Connection

    async def get_rolling_upgrade(self, scale_set_id: str) -> Body | None:
        return await self.connection.get(f"{scale_set_id}/rollingUpgrades/latest", VIRTUAL_MACHINES)

    async def list_os_upgrade_history(self, scale_set_id: str) -> list[Body]:
        return await self.connection.list(f"{scale_set_id}/osUpgradeHistory", VIRTUAL_MACHINES)

    async def start_os_upgrade(self, scale_set_id: str) -> None:
        one = parse(scale_set_id)
        upgrades = self.connection.compute(one.subscription).virtual_machine_scale_set_rolling_upgrades
        operation = f"POST virtualMachineScaleSets/{one.name}/osRollingUpgrade"
        await _accepted(operation, upgrades.begin_start_os_upgrade, one.group, one.name)

    async def cancel_rolling_upgrade(self, scale_set_id: str) -> None:
        one = parse(scale_set_id)
        upgrades = self.connection.compute(one.subscription).virtual_machine_scale_set_rolling_upgrades
        operation = f"POST virtualMachineScaleSets/{one.name}/rollingUpgrades/cancel"
        await _accepted(operation, upgrades.begin_cancel, one.group, one.name)

    async def approve_rolling_upgrade(self, scale_set_id: str, instance_ids: list[str]) -> None:
        one = parse(scale_set_id)
        scale_sets = self.connection.compute(one.subscription).virtual_machine_scale_sets
        operation = f"POST virtualMachineScaleSets/{one.name}/approveRollingUpgrade"
        body = content({"instanceIds": instance_ids})
        await _accepted(operation, scale_sets.begin_approve_rolling_upgrade, one.group, one.name, body)


async def _accepted(operation: str, begin: Callable[..., Awaitable[Any]], *arguments: Any) -> None:
    """Send it, and leave its operation alone."""
    with translated(operation):
        await begin(*arguments, polling=False)
