"""Pre-checks of the declared join."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.observed import SECRETS, host, pool
from tests.support.prechecked import ids, only

IDENTITY = {"identity": {"type": "SystemAssigned, UserAssigned"}}
AD = {"type": "ad", "domain": "contoso.com", "user": "joiner@contoso.com", "password_secret": f"{SECRETS}/join"}


def joined(publisher: str, kind: str, **settings: Any) -> dict[str, Any]:
    return {"resources": [{"name": "j", "properties": {"publisher": publisher, "type": kind, "settings": settings}}]}


def by_ad(**settings: Any) -> dict[str, Any]:
    return joined("Microsoft.Compute", "JsonADDomainExtension", **settings)


def by_entra(**settings: Any) -> dict[str, Any]:
    return {**joined("Microsoft.Azure.ActiveDirectory", "AADLoginForWindows", **settings), **IDENTITY}


async def test_the_join_must_be_declared() -> None:
    found = await only(pool([host("vm-0"), host("vm-1")]), join=None)
    assert (found.id, found.subject) == ("no-join", "join: None") and "type: entra" in found.remedy


@pytest.mark.parametrize(
    ("settings", "declared", "prop"),
    [
        ({"Name": "Contoso.COM", "OUPath": "OU=AVD"}, {"ou_path": "ou=avd"}, None),
        ({"Name": "contoso.com", "OUPath": ""}, {}, None),
        ({"Name": "fabrikam.com"}, {}, "join.domain"),
        ({"Name": "contoso.com", "OUPath": "OU=Other"}, {"ou_path": "OU=AVD"}, "join.ou_path"),
        ({"Name": "contoso.com", "OUPath": "OU=Other"}, {}, "join.ou_path"),
    ],
)
async def test_a_join_extension_that_says_otherwise_is_an_error(
    settings: dict[str, str], declared: dict[str, str], prop: str | None
) -> None:
    there = pool([host("vm-0", vm=by_ad(**settings)), host("vm-1")])
    if prop is None:
        assert await ids(there, join={**AD, **declared}) == []
    else:
        found = await only(there, join={**AD, **declared})
        assert (found.id, found.subject) == ("join-differs", "vm-0") and prop in found.problem and prop in found.remedy


async def test_entra_needs_a_system_identity() -> None:
    hosts = [host("vm-0", domain="", vm=IDENTITY), host("vm-1", domain="", vm={"identity": {"type": "UserAssigned"}})]
    found = await only(pool(hosts), join={"type": "entra"}, device_cleanup="leave")
    assert (found.id, found.subject) == ("no-system-identity", "vm-1") and "az vm identity assign" in found.remedy


async def test_the_mdm_id_is_compared() -> None:
    hosts = [host(f"vm-{n}", domain="", vm=by_entra(mdmId="0000000a")) for n in range(2)]
    assert await ids(pool(hosts), join={"type": "entra", "mdm_id": "0000000A"}, device_cleanup="leave") == []
    assert await ids(pool(hosts), join={"type": "entra"}, device_cleanup="leave") == ["join-differs"]


@pytest.mark.parametrize(("domain", "join"), [("", AD), (".contoso.com", {"type": "entra"})])
async def test_the_session_hosts_name_shows_how_it_is_joined(domain: str, join: dict[str, str]) -> None:
    hosts = [host(f"vm-{n}", domain=domain, vm=IDENTITY) for n in range(2)]
    cleanup = {} if join is AD else {"device_cleanup": "leave"}
    found = await only(pool(hosts), join=join, **cleanup)
    assert found.id == "join-differs" and "join.type" in found.remedy


async def test_another_type_in_the_extension_is_an_error() -> None:
    hosts = [host(f"vm-{n}", domain="", vm={**by_ad(Name="contoso.com"), **IDENTITY}) for n in range(2)]
    found = await only(pool(hosts), join={"type": "entra"}, device_cleanup="leave")
    assert found.id == "join-differs" and "'ad'" in found.problem


async def test_a_hybrid_host_keeps_its_login_extension() -> None:
    assert await ids(pool([host("vm-0", vm=by_entra(mdmId="x")), host("vm-1")]), join=AD) == []
