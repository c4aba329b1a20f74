"""Microsoft.Network: network interfaces and subnets."""

from __future__ import annotations

from cloud.api_versions import NETWORK
from cloud.connection import Connection, content
from cloud.ids import parse
from rollout.azure import Body
from rollout.errors import NotFound


class NetworkOperations:
    """The Network part of `rollout.azure.Azure`."""

    connection: Connection

    async def get_nic(self, nic_id: str) -> Body | None:
        return await self.connection.get(nic_id, NETWORK)

    async def create_nic(self, nic_id: str, body: Body) -> None:
        nic = parse(nic_id)
        await self.connection.run(
            f"PUT networkInterfaces/{nic.name}",
            self.connection.network(nic.subscription).network_interfaces.begin_create_or_update,
            nic.group,
            nic.name,
            content(body),
        )

    async def delete_nic(self, nic_id: str) -> None:
        nic = parse(nic_id)
        interfaces = self.connection.network(nic.subscription).network_interfaces
        try:
            await self.connection.run(
                f"DELETE networkInterfaces/{nic.name}", interfaces.begin_delete, nic.group, nic.name
            )
        except NotFound:  # its group is gone; a missing interface alone is 204
            return

    async def get_subnet(self, subnet_id: str) -> Body | None:
        return await self.connection.get(subnet_id, NETWORK)
