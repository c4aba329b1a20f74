"""What ARM's front door answers before a provider is asked: api-versions, pages, ids."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator import api_versions, ids
from emulator.paging import page
from emulator.wire import ArmError, Request
from tests.emulator.arm_client import BASE, COMPUTE, GROUP, NETWORK, SCOPE, Client, code, message


def test_an_api_version_is_required(azure: Client) -> None:
    answer = azure.get(f"{COMPUTE}/disks/d", version="")
    assert (answer.status, code(answer)) == (400, "MissingApiVersionParameter")
    assert message(answer) == "The api-version query parameter (?api-version=) is required for all requests."


@pytest.mark.parametrize(
    ("path", "version", "expected"),
    [
        (f"{COMPUTE}/disks/d", "2024-07-02", "NoRegisteredProviderFound"),
        (f"{COMPUTE}/virtualMachines/v/extensions/e", "1999-01-01", "NoRegisteredProviderFound"),
        (f"{NETWORK}/networkInterfaces/n", "2099-01-01", "NoRegisteredProviderFound"),
        (f"{NETWORK}/networkInterfaces/n", "newest", "InvalidApiVersionParameter"),
        (GROUP, "2001-01-01", "InvalidApiVersionParameter"),
        (f"{GROUP}/providers/Microsoft.Authorization/locks", "2022-04-02", "NoRegisteredProviderFound"),
    ],
)
def test_an_unknown_api_version_is_refused_with_the_known_ones(
    azure: Client, path: str, version: str, expected: str
) -> None:
    answer = azure.get(path, version=version)
    assert (answer.status, code(answer)) == (400, expected)
    assert version in message(answer)


@pytest.mark.parametrize(
    ("kind", "version"),
    [
        ("virtualMachines", "2024-07-01"),
        ("virtualMachines", "2026-04-01"),
        ("disks", "2018-06-01"),
        ("galleries", "2026-03-03"),
    ],
)
def test_versions_of_clients_in_use_are_taken(azure: Client, kind: str, version: str) -> None:
    assert azure.get(f"{COMPUTE}/{kind}/x", version=version).status == 404


def test_the_tables_are_in_order() -> None:
    for kinds in api_versions.NAMESPACES.values():
        for versions in kinds.values():
            assert list(versions) == sorted(versions)


def test_ids_are_compared_without_case(azure: Client) -> None:
    path = f"{NETWORK}/virtualNetworks/V1"
    body = {"location": "westeurope", "properties": {"addressSpace": {"addressPrefixes": ["10.0.0.0/16"]}}}
    azure.made(path, body)
    answer = azure.get(path.replace("resourceGroups", "resourcegroups").upper().replace("PROVIDERS", "providers"))
    assert (answer.status, answer.body["id"]) == (200, path)


@given(st.integers(0, 60), st.integers(1, 9))
def test_pages_join_to_the_whole(count: int, size: int) -> None:
    items = [{"n": n} for n in range(count)]
    request = Request("GET", f"{COMPUTE}/disks", {"api-version": "2024-03-02"}, base_url=BASE)
    seen = []
    for _ in range(count + 1):
        answer = page(request, items, size)
        assert len(answer["value"]) <= size
        seen += answer["value"]
        if "nextLink" not in answer:
            break
        link = answer["nextLink"]
        assert link.startswith(f"{BASE}{COMPUTE}/disks?") and "api-version=2024-03-02" in link
        token = link.split("$skipToken=")[1].replace("%3D", "=")
        request = Request("GET", request.path, {**request.query, "$skiptoken": token}, base_url=BASE)
    assert seen == items


def test_a_made_up_page_is_refused() -> None:
    with pytest.raises(ArmError, match="InvalidSkipToken"):
        page(Request("GET", "/x", {"$skiptoken": "@@"}), [])


def test_ids_come_apart() -> None:
    version = f"{COMPUTE}/galleries/g/images/i/versions/1.0.0"
    lock = f"{version}/providers/Microsoft.Authorization/locks/l"
    assert ids.resource_type(version) == "Microsoft.Compute/galleries/images/versions"
    assert ids.resource_type(lock) == "Microsoft.Authorization/locks"
    assert ids.parent(version) == f"{COMPUTE}/galleries/g/images/i"
    assert ids.parent(f"{COMPUTE}/disks/d") is None
    assert ids.top_level(version) == f"{COMPUTE}/galleries/g"
    assert (ids.resource_group(version), ids.subscription(version)) == ("rg1", SCOPE[15:])
    assert ids.within(GROUP, version) and not ids.within(GROUP + "2", version) and ids.within("/", version)
    assert ids.same(version.upper(), "/" + version) and not ids.same(None, version)
    assert ids.normal("//a//b/") == "/a/b"
