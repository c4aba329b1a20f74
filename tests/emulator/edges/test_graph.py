"""The directory's devices through Microsoft Graph."""

from __future__ import annotations

from typing import Any

from emulator import identity, scenario
from emulator.wire import Headers, Request, Response
from tests.emulator.avd.pool import Pool


def _call(pool: Pool, method: str, path: str, who: dict[str, Any] = scenario.UPDATER, only: str = "") -> Response:
    token = identity.issue(pool.world, who["client_id"], "https://graph.microsoft.com")
    headers = Headers({"Authorization": f"Bearer {token}"})
    return pool.emulator.handle(Request(method, f"/graph/v1.0/devices{path}", {"$filter": only}, headers))


def test_device_is_found_by_name_and_gone_some_time_after_its_deletion() -> None:
    pool = Pool("entra", hosts=2)
    found = _call(pool, "GET", "", only="displayName eq 'VM-1'").body["value"]
    assert [device["displayName"] for device in found] == ["vm-1"]
    path = f"/{found[0]['id']}"
    assert _call(pool, "DELETE", path).status == 204
    assert _call(pool, "GET", path).status == 200
    pool.wait(300)
    assert _call(pool, "GET", path).status == 404
    assert len(_call(pool, "GET", "").body["value"]) == 1


def test_application_permission_is_needed() -> None:
    assert _call(Pool("entra", hosts=1), "GET", "", scenario.DEPLOYER).status == 403
    assert _call(Pool("entra", hosts=1, graph=False), "GET", "").body["error"]["code"] == "Authorization_RequestDenied"
