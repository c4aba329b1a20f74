"""Microsoft.DesktopVirtualization: host pools, session hosts, user sessions, scaling plans.

All calls are synchronous.
"""

from __future__ import annotations

from cloud.api_versions import DESKTOP_VIRTUALIZATION, HOST_POOLS
from cloud.connection import Connection, content
from cloud.ids import parse
from rollout.azure import Body
from rollout.errors import NotFound


class DesktopVirtualizationOperations:
    """The AVD part of `rollout.azure.Azure`."""

    connection: Connection

    # -- host pools

    async def get_host_pool(self, host_pool_id: str) -> Body | None:
        return await self.connection.get(host_pool_id, HOST_POOLS)

    async def update_host_pool(self, host_pool_id: str, patch: Body) -> Body:
        pool = parse(host_pool_id)
        pools = self.connection.avd(pool.subscription).host_pools
        result: Body = await self.connection.call(
            f"PATCH hostPools/{pool.name}", pools.update, pool.group, pool.name, content(patch)
        )
        return result

    async def registration_token(self, host_pool_id: str) -> Body | None:
        pool = parse(host_pool_id)
        pools = self.connection.avd(pool.subscription).host_pools
        operation = f"POST hostPools/{pool.name}/retrieveRegistrationToken"
        answer: Body | None = await self.connection.call(
            operation, pools.retrieve_registration_token, pool.group, pool.name
        )
        if not answer or not answer.get("token"):
            return None
        return {"token": answer["token"], "expirationTime": answer.get("expirationTime")}

    # -- session hosts

    async def list_session_hosts(self, host_pool_id: str) -> list[Body]:
        return await self.connection.list(f"{host_pool_id}/sessionHosts", DESKTOP_VIRTUALIZATION)

    async def get_session_host(self, session_host_id: str) -> Body | None:
        return await self.connection.get(session_host_id, DESKTOP_VIRTUALIZATION)

    async def update_session_host(self, session_host_id: str, patch: Body) -> Body:
        host = parse(session_host_id)
        hosts = self.connection.avd(host.subscription).session_hosts
        result: Body = await self.connection.call(
            f"PATCH sessionHosts/{host.name}", hosts.update, host.group, *host.names, session_host=content(patch)
        )
        return result

    async def delete_session_host(self, session_host_id: str, *, force: bool) -> None:
        host = parse(session_host_id)
        hosts = self.connection.avd(host.subscription).session_hosts
        try:
            await self.connection.call(
                f"DELETE sessionHosts/{host.name}", hosts.delete, host.group, *host.names, force=force
            )
        except NotFound:  # a missing host is 204; this is a missing pool
            return

    # -- user sessions

    async def list_user_sessions(self, session_host_id: str) -> list[Body]:
        return await self.connection.list(f"{session_host_id}/userSessions", DESKTOP_VIRTUALIZATION)

    async def send_message(self, user_session_id: str, title: str, text: str) -> None:
        session = parse(user_session_id)
        sessions = self.connection.avd(session.subscription).user_sessions
        message = content({"messageTitle": title, "messageBody": text})
        operation = f"POST userSessions/{session.name}/sendMessage"
        try:
            await self.connection.call(
                operation, sessions.send_message, session.group, *session.names, send_message=message
            )
        except NotFound:
            return

    async def log_off(self, user_session_id: str) -> None:
        session = parse(user_session_id)
        sessions = self.connection.avd(session.subscription).user_sessions
        operation = f"DELETE userSessions/{session.name}"
        try:
            await self.connection.call(operation, sessions.delete, session.group, *session.names, force=True)
        except NotFound:
            return

    # -- scaling plans

    async def list_scaling_plans(self, host_pool_id: str) -> list[Body]:
        return await self.connection.list(f"{host_pool_id}/scalingPlans", DESKTOP_VIRTUALIZATION)
