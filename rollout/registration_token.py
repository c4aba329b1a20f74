"""The registration token of a pool: what a host shows when it joins the pool. Only ever in protected settings."""

from __future__ import annotations

import asyncio

from rollout.azure import Azure, Body
from rollout.clock import from_iso, iso
from rollout.errors import HostFailed
from rollout.values import DAY


class TokenSource:
    """The pool's one registration token: reused while it is valid long enough, else renewed; never deleted."""

    def __init__(self, azure: Azure, host_pool_id: str) -> None:
        self._azure, self._pool = azure, host_pool_id
        self._lock = asyncio.Lock()

    async def get(self, valid_for: float) -> str:
        """A token valid for `valid_for` seconds more. Azure takes expiry times from one hour to 30 days ahead.

        A new one lasts a day at least: renewing it makes the old one useless to a host that is registering just then.
        """
        async with self._lock:
            now = self._azure.azure_time()
            token = await self._azure.registration_token(self._pool)
            if not self._valid(token, now + valid_for):
                expiry = iso(now + min(valid_for + DAY, 27 * DAY))
                info = {"expirationTime": expiry, "registrationTokenOperation": "Update"}
                await self._azure.update_host_pool(self._pool, {"properties": {"registrationInfo": info}})
                token = await self._azure.registration_token(self._pool)
            if token is None or not token.get("token"):
                raise HostFailed("the pool gave no registration token")
            return str(token["token"])

    @staticmethod
    def _valid(token: Body | None, until: float) -> bool:
        expiry = token.get("expirationTime") if token and token.get("token") else None
        return expiry is not None and from_iso(str(expiry)) > until
