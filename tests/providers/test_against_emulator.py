"""The provider's methods in this process, against an emulator over HTTPS, with the environment as the only link."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import providers.runtime
from emulator import scenario_outside
from emulator.server import Running
from emulator.wire import Body, Principal, Request
from providers.failure import HostPoolImageUpdateFailed
from providers.host_pool_image_update import HostPoolImageUpdateProvider
from providers.runtime import Runtime
from rollout import names
from rollout.lease import Holder, decode
from simulation.in_process import principal_named
from tests.providers.emulated import PROXIES, environment, pool_inputs, requests_of, served_pool, writes
from tests.support.pools import DEFINITION, GROUP, POOL

Properties = dict[str, Any]
POOL_KEY = POOL.lower()
FOREIGN, PRIVATE = (
    f"/subscriptions/{subscription}/resourceGroups/images/providers/Microsoft.Compute/galleries/private"
    for subscription in (scenario_outside.FOREIGN, scenario_outside.OTHER)
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One pool of three hosts, and galleries of others; the tests that change it bring their own."""
    with served_pool(tmp_path_factory.mktemp("emulator"), hosts=3, users=0, outside=True) as running:
        yield running


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch, server: Running, tmp_path: Path) -> Iterator[HostPoolImageUpdateProvider]:
    """The provider with the environment of a process that the CLI started, its runtime ended with the test."""
    use(monkeypatch, server, tmp_path)
    runtime = Runtime(None)
    monkeypatch.setattr(providers.runtime, "_runtime", runtime)
    yield HostPoolImageUpdateProvider()
    runtime.close()


def use(monkeypatch: pytest.MonkeyPatch, server: Running, folder: Path) -> None:
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
    for name, value in environment(server).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("HOSTPOOL_LOG_FOLDER", str(folder / "log"))


def checked(provider: HostPoolImageUpdateProvider, inputs: Properties, olds: Properties | None = None) -> Properties:
    """Inputs after check(), which must find no fault."""
    result = provider.check(olds or {}, inputs)
    assert [failure.reason for failure in result.failures] == []
    return dict(result.inputs)


def reasons(provider: HostPoolImageUpdateProvider, inputs: Properties) -> dict[str, str]:
    return {failure.property: failure.reason for failure in provider.check({}, inputs).failures}


def ask(server: Running, method: str, path: str, body: Body | None = None, version: str = "2024-04-03") -> Body:
    """One ARM request as the deployer, past the network."""
    principal: Principal = principal_named(server.emulator, "deployer")
    answer = server.emulator.handle(Request(method, path, {"api-version": version}, body=body, principal=principal))
    assert answer.status < 400, answer.body
    return dict(answer.body or {})


def merge_tags(server: Running, tags: dict[str, str], operation: str = "Merge") -> None:
    body = {"operation": operation, "properties": {"tags": tags}}
    ask(server, "PATCH", f"{POOL}/providers/Microsoft.Resources/tags/default", body, "2021-04-01")


# -- previews


def test_a_preview_shows_the_plan_and_writes_nothing(provider: HostPoolImageUpdateProvider, server: Running) -> None:
    number = requests_of(server)[-1]["n"]
    seen = checked(provider, pool_inputs(server))
    assert {name: text for name, text in seen["plan"].items() if name != "vmTemplate"} == {
        "vm-0": "1.0.0 -> 1.0.1 (canary)",
        "vm-1": "1.0.0 -> 1.0.1",
        "vm-2": "1.0.0 -> 1.0.1",
    }
    assert seen["state"] == "3 of 3 hosts need work"
    assert seen["image_version_id"] == f"{DEFINITION}/versions/1.0.1"
    assert requests_of(server)[-1]["n"] > number
    assert writes(server, number) == []


def test_latest_is_resolved_and_stays_declared(provider: HostPoolImageUpdateProvider, server: Running) -> None:
    seen = checked(provider, pool_inputs(server, version="latest"))
    assert seen["version"] == "latest"
    assert seen["image_version_id"] == f"{DEFINITION}/versions/1.0.1"


def test_a_preview_tells_who_publishes_a_community_image(
    provider: HostPoolImageUpdateProvider, server: Running, capfd: pytest.CaptureFixture[str]
) -> None:
    seen = checked(provider, pool_inputs(server, image=scenario_outside.COMMUNITY_IMAGE, version="latest"))
    assert seen["plan"]["vm-1"] == "win11/1.0.0 -> win11/1.0.1"
    assert seen["image_version_id"] == f"/CommunityGalleries/{scenario_outside.PUBLIC_NAME}/Images/win11/Versions/1.0.1"
    [told] = [line for line in capfd.readouterr().err.splitlines() if "published to everybody" in line]
    assert "by contoso (images@example.com, https://images.example.com), EULA https://images.example.com/eula" in told


def test_a_pool_on_the_declared_image_has_an_empty_plan(provider: HostPoolImageUpdateProvider, server: Running) -> None:
    seen = checked(provider, pool_inputs(server, version="1.0.0"))
    assert seen["plan"] == {}
    assert seen["state"] == "complete, 3 of 3 hosts run 1.0.0"


@pytest.mark.parametrize(
    ("changes", "prop", "told"),
    [
        ({"version": "9.9.9"}, "version", "version: '9.9.9' does not exist in win11; use one of 1.0.1, 1.0.0"),
        ({"image": f"{GROUP}/providers/Microsoft.Compute/galleries/avd/images/win12"}, "image", "does not exist"),
        ({"image": f"{FOREIGN}/images/win11"}, "image", "is in another tenant than the update's credential"),
        (
            {"image": f"{PRIVATE}/images/win11"},
            "image",
            "may not be read (403 AuthorizationFailed); add Microsoft.",
        ),
        ({"host_pool_id": POOL.replace("hp1", "hp9")}, "host_pool_id", "does not exist"),
        ({"include": ["vm-77"]}, "include[0]", "include[0]: 'vm-77' is no host of pool hp1"),
        ({"min_serving": 3.0}, "min_serving", "none can ever be taken out of service"),
        ({"join": None}, "join", "join"),
    ],
)
def test_what_azure_contradicts_is_a_failure_of_its_property(
    provider: HostPoolImageUpdateProvider, server: Running, changes: Properties, prop: str, told: str
) -> None:
    found = reasons(provider, pool_inputs(server, **changes))
    assert prop in found
    assert told in found[prop]
    assert "; " in found[prop]


def test_a_preview_refuses_secrets_that_would_notify_nobody(
    provider: HostPoolImageUpdateProvider, server: Running
) -> None:
    """One does not exist, one holds no URL of a service; the properties are named."""
    vault = f"{server.url}/keyvault/avd-kv/secrets"
    found = reasons(provider, pool_inputs(server, notify={"url_secrets": [f"{vault}/no", f"{vault}/local-admin-name"]}))
    assert set(found) == {"notify.url_secrets[0]", "notify.url_secrets[1]"}
    assert "does not exist; create it (az keyvault secret set" in found["notify.url_secrets[0]"]
    assert "apprise" in found["notify.url_secrets[1]"] and "avdadmin" not in found["notify.url_secrets[1]"]


def test_a_preview_without_rights_carries_the_former_plan_over(
    provider: HostPoolImageUpdateProvider,
    server: Running,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    before = checked(provider, pool_inputs(server))
    monkeypatch.setenv("ARM_CLIENT_SECRET", "not-the-secret")
    after = checked(provider, pool_inputs(server), before)
    assert after["plan"] == before["plan"]
    assert "could not be asked" in after["state"]
    [line] = [line for line in capfd.readouterr().err.splitlines() if line.startswith("warning: ")]
    assert "ARM_TENANT_ID" in line and "not-the-secret" not in line


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("ARM_METADATA_HOSTNAME", "localhost:9", "ARM_METADATA_HOSTNAME"),
        ("ARM_CLIENT_SECRET", "not-the-secret", "AADSTS7000215"),
        ("ARM_TENANT_ID", "", "ARM_TENANT_ID"),
        ("HOSTPOOL_CLOCK", "noon", "HOSTPOOL_CLOCK"),
    ],
)
def test_an_update_without_access_fails_in_one_clear_line(
    provider: HostPoolImageUpdateProvider,
    server: Running,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    value: str,
    told: str,
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(HostPoolImageUpdateFailed) as failed:
        provider.create(pool_inputs(server))
    text = str(failed.value)
    assert text.startswith("pool hp1: ")
    assert told in text and "not-the-secret" not in text
    assert "\n" not in text


def test_another_rollout_is_told_in_the_preview_and_refused_by_the_update(
    provider: HostPoolImageUpdateProvider, server: Running, capfd: pytest.CaptureFixture[str]
) -> None:
    holder = Holder("eve@elsewhere 7", 3, server.emulator.world.now + 10**6)
    merge_tags(server, {names.LEASE: holder.encode()})
    try:
        assert checked(provider, pool_inputs(server))["plan"]
        assert "eve@elsewhere 7" in capfd.readouterr().err
    finally:
        merge_tags(server, {names.LEASE: holder.encode()}, "Delete")


def test_a_preview_says_behind_which_pools_it_would_queue(
    provider: HostPoolImageUpdateProvider, server: Running
) -> None:
    """The other pool is one of the same subscription, whose rollout holds its lease."""
    now = server.emulator.world.now
    holder = Holder("bob@desk-3 5", 3, now + 10**6, int(now))
    other = POOL.replace("hp1", "hp2")
    properties = {"hostPoolType": "Pooled", "loadBalancerType": "BreadthFirst", "preferredAppGroupType": "Desktop"}
    body = {"location": "westeurope", "tags": {names.LEASE: holder.encode()}, "properties": properties}
    ask(server, "PUT", other, body)
    try:
        said = "would queue behind the rollout of hp2 (bob@desk-3 5); max_rollouts_per_subscription is 1"
        one, two = ({"max_rollouts_per_subscription": number} for number in (1.0, 2.0))
        assert checked(provider, pool_inputs(server, **one))["state"] == f"3 of 3 hosts need work; {said}"
        assert "queue" not in checked(provider, pool_inputs(server, **two))["state"]
        assert "queue" not in checked(provider, pool_inputs(server, **one, version="1.0.0"))["state"]
    finally:
        ask(server, "DELETE", other)


def test_a_preview_that_azure_throttles_does_not_wait_for_minutes(
    provider: HostPoolImageUpdateProvider,
    server: Running,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    before = checked(provider, pool_inputs(server))
    monkeypatch.setattr("providers.preview.PATIENCE", 0.05)
    after = checked(provider, pool_inputs(server), before)
    assert after["plan"] == before["plan"]
    assert "no answer in 0.05 s" in capfd.readouterr().err


# -- reading


def test_a_refresh_shows_what_the_hosts_run(provider: HostPoolImageUpdateProvider, server: Running) -> None:
    props = checked(provider, pool_inputs(server)) | {"status": "complete", "images": {"1.0.1": ["vm-0"]}}
    read = provider.read("id", {**props, "__provider": "x"})
    assert read.id == "id"
    assert read.outs is not None
    assert read.outs["images"] == {"1.0.0": ["vm-0", "vm-1", "vm-2"]}
    assert read.outs["plan"]["vm-1"] == "1.0.0 -> 1.0.1"
    assert read.outs["status"] == "complete"


def test_a_pool_that_is_gone_is_gone(provider: HostPoolImageUpdateProvider, server: Running) -> None:
    read = provider.read("id", pool_inputs(server, host_pool_id=POOL.replace("hp1", "hp9")))
    assert (read.id, read.outs) == (None, {})


def test_a_refresh_without_access_keeps_the_state(
    provider: HostPoolImageUpdateProvider, server: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ARM_METADATA_HOSTNAME", "localhost:9")
    props = pool_inputs(server) | {"status": "complete"}
    read = provider.read("id", props)
    assert (read.id, read.outs) == ("id", props)


# -- rolling


def test_update_refresh_rerun_and_drift(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """A whole life of the resource: create, refresh without drift, an update with nothing to do, a host that drifts."""
    with served_pool(tmp_path / "emulator", hosts=2, users=0) as server:
        use(monkeypatch, server, tmp_path)
        runtime = Runtime(None)
        monkeypatch.setattr(providers.runtime, "_runtime", runtime)
        provider = HostPoolImageUpdateProvider()
        try:
            inputs = checked(provider, pool_inputs(server, version="latest", canary={"hosts": 0.0}))
            created = provider.create(inputs)
            outs = created.outs
            assert created.id == POOL_KEY
            assert outs is not None
            assert outs["status"] == "complete"
            assert outs["hosts"] == {"updated": ["vm-0", "vm-1"]}
            assert outs["images"] == {"1.0.1": ["vm-0", "vm-1"]}
            assert outs["image_version_id"] == f"{DEFINITION}/versions/1.0.1"
            assert outs["version"] == "latest"
            assert outs["attempt"] == 1
            assert outs["plan"] == {}
            assert Path(outs["report"]).parent == tmp_path / "log"
            assert "2/2 done" in capfd.readouterr().err

            # Nothing is different on a refresh, and an update writes nothing.
            assert provider.read(created.id, outs).outs == outs
            again = checked(provider, inputs, inputs)
            assert provider.diff(created.id, outs, again).changes is False
            number = requests_of(server)[-1]["n"]
            updated = provider.update(created.id, outs, again).outs
            assert writes(server, number) == []
            assert updated is not None
            assert (updated["status"], updated["attempt"], updated["images"]) == ("complete", 1, outs["images"])
            lease = decode(ask(server, "GET", POOL)["tags"].get(names.LEASE))
            assert lease is not None and lease.owner == "nobody"

            # A host runs another version than it was brought to: the next preview and refresh say so.
            vm = ask(server, "GET", f"{GROUP}/providers/Microsoft.Compute/virtualMachines/vm-1", None, "2024-11-01")
            disk_id = vm["properties"]["storageProfile"]["osDisk"]["managedDisk"]["id"]
            ask(server, "PATCH", disk_id, {"tags": {names.DISK_IMAGE: f"{DEFINITION}/versions/1.0.0"}}, "2024-03-02")
            seen = checked(provider, inputs, again)
            assert seen["plan"]["vm-1"].startswith("1.0.0 -> 1.0.1")
            assert provider.diff(created.id, outs, seen).changes is True
            refreshed = provider.read(created.id, outs).outs
            assert refreshed is not None
            assert refreshed["images"] == {"1.0.1": ["vm-0"], "1.0.0": ["vm-1"]}
        finally:
            runtime.close()


def test_an_image_of_others_is_brought_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with served_pool(tmp_path / "emulator", hosts=1, users=0, outside=True) as server:
        use(monkeypatch, server, tmp_path)
        runtime = Runtime(None)
        monkeypatch.setattr(providers.runtime, "_runtime", runtime)
        provider = HostPoolImageUpdateProvider()
        try:
            image = scenario_outside.COMMUNITY_IMAGE
            declared = pool_inputs(server, image=image, version="latest", max_unavailable=1.0)
            inputs = checked(provider, declared)
            created = provider.create(inputs)
            outs = created.outs
            assert outs is not None and (outs["status"], outs["images"]) == ("complete", {"1.0.1": ["vm-0"]})
            assert provider.read(created.id, outs).outs == outs
            again = checked(provider, inputs, inputs)
            assert again["plan"] == {} and provider.diff(created.id, outs, again).changes is False
            number = requests_of(server)[-1]["n"]
            assert provider.update(created.id, outs, again).outs is not None and writes(server, number) == []
        finally:
            runtime.close()
