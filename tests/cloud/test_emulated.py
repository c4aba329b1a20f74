"""Every call of `rollout.azure.Azure` by the real SDK clients on the emulated pool, in process on virtual time."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator
from typing import Any

import pytest

from cloud.azure_cloud import AzureCloud
from cloud.policies import read_only
from emulator import scenario
from emulator.app import Emulator
from emulator.wire import Request
from rollout.azure import Azure
from rollout.errors import (
    AzureError,
    Conflict,
    Forbidden,
    InvalidDeclaration,
    LeaseLost,
    NotFound,
    OperationFailed,
    PreconditionFailed,
)
from simulation.in_process import in_process_cloud
from simulation.virtual_time import LoopClock

SUBSCRIPTION = "/subscriptions/11111111-1111-1111-1111-111111111111"
GROUP = f"{SUBSCRIPTION}/resourceGroups/avd"
COMPUTE = f"{GROUP}/providers/Microsoft.Compute"
VM = f"{COMPUTE}/virtualMachines/vm-0"
POOL = f"{GROUP}/providers/Microsoft.DesktopVirtualization/hostPools/hp1"
HOST = f"{POOL}/sessionHosts/vm-0.contoso.com"
IMAGE = ("westeurope", "MicrosoftWindowsDesktop", "office-365", "win11-24h2-avd-m365")

pytestmark = pytest.mark.looptime


@pytest.fixture
def emulator() -> Emulator:
    return Emulator(scenario.build("pooled", {"hosts": 2, "sessions_per_host": 1, "users": 0}))


@pytest.fixture
async def cloud(emulator: Emulator) -> AsyncIterator[AzureCloud]:
    async with in_process_cloud(emulator, LoopClock()) as opened:
        yield opened


async def vm_of(cloud: AzureCloud, vm_id: str = VM) -> dict[str, Any]:
    found = await cloud.get_vm(vm_id)
    assert found is not None
    return found


def fault(emulator: Emulator, **rule: Any) -> None:
    answer = emulator.handle(Request("POST", "/emulator/faults", body={"seed": 1, "rules": [{"id": "f", **rule}]}))
    assert answer.status < 300, answer.body


def test_it_is_what_the_engine_asks_for() -> None:
    for name, asked in inspect.getmembers(Azure, inspect.isfunction):
        if not name.startswith("_"):
            ours = inspect.signature(getattr(AzureCloud, name))
            assert list(ours.parameters) == list(inspect.signature(asked).parameters), name


async def test_virtual_machines(cloud: AzureCloud) -> None:
    vms = await cloud.list_vms(GROUP)
    assert [vm["name"] for vm in vms] == ["vm-0", "vm-1"]
    vm = await vm_of(cloud)
    assert "instanceView" not in vm["properties"]
    seen = await cloud.get_vm(VM, instance_view=True)
    assert seen is not None
    assert "PowerState/running" in [status["code"] for status in seen["properties"]["instanceView"]["statuses"]]

    await cloud.update_vm(VM, {"tags": {**vm["tags"], "new": "tag"}}, etag=vm["etag"])
    tagged = await vm_of(cloud)
    assert tagged["tags"]["new"] == "tag"
    assert tagged["etag"] != vm["etag"]
    with pytest.raises(PreconditionFailed):
        await cloud.update_vm(VM, {"tags": {}}, etag=vm["etag"])
    assert (await vm_of(cloud))["tags"]["new"] == "tag"
    await cloud.update_vm(VM, {"tags": vm["tags"]}, etag="*")
    assert (await vm_of(cloud))["tags"] == vm["tags"]
    with pytest.raises((PreconditionFailed, Conflict)):
        await cloud.create_vm(VM, {"location": "westeurope", "properties": {}})

    assert await cloud.list_vms(f"{SUBSCRIPTION}/resourceGroups/nothing") == []
    assert await cloud.get_vm(f"{COMPUTE}/virtualMachines/nothing") is None


async def test_power(cloud: AzureCloud) -> None:
    async def power() -> str:
        vm = await cloud.get_vm(VM, instance_view=True)
        assert vm is not None
        codes = [status["code"] for status in vm["properties"]["instanceView"]["statuses"]]
        return str(next(code for code in codes if code.startswith("PowerState/")))

    await cloud.power_off_vm(VM)
    assert await power() == "PowerState/stopped"
    await cloud.deallocate_vm(VM)
    assert await power() == "PowerState/deallocated"
    await cloud.start_vm(VM)
    assert await power() == "PowerState/running"


async def test_a_vm_goes_and_what_it_leaves_can_be_deleted(cloud: AzureCloud) -> None:
    disk = (await vm_of(cloud))["properties"]["storageProfile"]["osDisk"]["managedDisk"]["id"]
    with pytest.raises(Conflict, match="attached to VM"):
        await cloud.delete_disk(disk)
    await cloud.delete_vm(VM)
    assert await cloud.get_vm(VM) is None
    await cloud.delete_vm(VM)
    await cloud.delete_disk(disk)
    assert await cloud.get_disk(disk) is None
    await cloud.delete_disk(disk)


async def test_disks(cloud: AzureCloud) -> None:
    disk = (await vm_of(cloud))["properties"]["storageProfile"]["osDisk"]["managedDisk"]["id"]
    assert disk.lower() in [each["id"].lower() for each in await cloud.list_disks(GROUP)]
    await cloud.update_disk(disk, {"tags": {"avd-image": "x"}})
    changed = await cloud.get_disk(disk)
    assert changed is not None and changed["tags"] == {"avd-image": "x"}
    assert changed["properties"]["diskState"] == "Attached"


async def test_inside_the_guest(cloud: AzureCloud) -> None:
    assert "vm-0" in await cloud.run_command(VM, ["hostname"])
    body = {
        "location": "westeurope",
        "properties": {
            "publisher": "Microsoft.Compute",
            "type": "CustomScriptExtension",
            "typeHandlerVersion": "1.10",
            "settings": {"commandToExecute": "hostname"},
        },
    }
    await cloud.put_extension(VM, "script", body)
    assert "script" in [each["name"] for each in (await vm_of(cloud)).get("resources") or []]
    await cloud.delete_extension(VM, "script")
    await cloud.delete_extension(VM, "script")
    assert "script" not in [each["name"] for each in (await vm_of(cloud)).get("resources") or []]


async def test_images_sizes_and_quota(cloud: AzureCloud) -> None:
    image = await cloud.get_managed_image(f"{COMPUTE}/images/win11-1.0.1")
    assert image is not None and image["properties"]["hyperVGeneration"] == "V2"
    definition = f"{COMPUTE}/galleries/avd/images/win11"
    assert await cloud.get_image_definition(definition) is None
    assert await cloud.list_image_versions(definition) == []
    assert await cloud.get_image_version(f"{definition}/versions/1.0.0") is None
    versions = await cloud.list_platform_versions(*IMAGE)
    assert len(versions) == 2
    assert await cloud.get_platform_version(*IMAGE, versions[0]) is not None
    assert await cloud.get_platform_version(*IMAGE, "1.2.3") is None
    assert await cloud.list_platform_versions(*IMAGE[:3], "nothing") == []
    skus = await cloud.list_skus("westeurope")
    assert {sku["resourceType"] for sku in skus} == {"virtualMachines"}
    assert "Standard_D4s_v5" in {sku["name"] for sku in skus}
    assert "cores" in {usage["name"]["value"] for usage in await cloud.list_usages("westeurope")}


async def test_network(cloud: AzureCloud) -> None:
    interfaces = (await vm_of(cloud))["properties"]["networkProfile"]["networkInterfaces"]
    nic = await cloud.get_nic(interfaces[0]["id"])
    assert nic is not None
    subnet = nic["properties"]["ipConfigurations"][0]["properties"]["subnet"]["id"]
    assert await cloud.get_subnet(subnet) is not None
    new = f"{GROUP}/providers/Microsoft.Network/networkInterfaces/avdtmp-nic"
    configuration = {"name": "ip", "properties": {"subnet": {"id": subnet}, "privateIPAllocationMethod": "Dynamic"}}
    await cloud.create_nic(new, {"location": "westeurope", "properties": {"ipConfigurations": [configuration]}})
    made = await cloud.get_nic(new)
    assert made is not None and made["properties"]["provisioningState"] == "Succeeded"
    with pytest.raises(Conflict, match="NicInUse"):
        await cloud.delete_nic(interfaces[0]["id"])
    await cloud.delete_nic(new)
    assert await cloud.get_nic(new) is None
    await cloud.delete_nic(new)


async def test_the_pool_and_its_token(cloud: AzureCloud) -> None:
    pool = await cloud.get_host_pool(POOL)
    assert pool is not None and pool["properties"]["maxSessionLimit"] == 16
    assert await cloud.registration_token(POOL) is None
    info = {"expirationTime": "2026-01-13T20:00:00Z", "registrationTokenOperation": "Update"}
    await cloud.update_host_pool(POOL, {"properties": {"registrationInfo": info}})
    token = await cloud.registration_token(POOL)
    assert token is not None and set(token) == {"token", "expirationTime"}
    assert [plan["name"] for plan in await cloud.list_scaling_plans(POOL)] == ["sp1"]
    assert await cloud.get_host_pool(f"{POOL}-nothing") is None


async def test_session_hosts_and_sessions(cloud: AzureCloud) -> None:
    hosts = await cloud.list_session_hosts(POOL)
    assert [host["name"] for host in hosts] == ["hp1/vm-0.contoso.com", "hp1/vm-1.contoso.com"]
    drained = await cloud.update_session_host(HOST, {"properties": {"allowNewSession": False}})
    assert drained["properties"]["allowNewSession"] is False
    (session,) = await cloud.list_user_sessions(HOST)
    await cloud.send_message(session["id"], "Update", "Please sign out")
    await cloud.log_off(session["id"])
    await LoopClock().sleep(600)
    assert await cloud.list_user_sessions(HOST) == []
    await cloud.log_off(session["id"])
    await cloud.send_message(session["id"], "Update", "to nobody")
    await cloud.delete_session_host(HOST, force=False)
    assert await cloud.get_session_host(HOST) is None
    await cloud.delete_session_host(HOST, force=True)
    assert await cloud.list_user_sessions(HOST) == []


async def test_tags(cloud: AzureCloud) -> None:
    before = await cloud.get_tags(POOL)
    assert await cloud.merge_tags(POOL, {"avd-rollout-lease": "mine"}) == {**before, "avd-rollout-lease": "mine"}
    await cloud.delete_tags(POOL, {"avd-rollout-lease": "another's"})
    assert (await cloud.get_tags(POOL))["avd-rollout-lease"] == "mine"
    await cloud.delete_tags(POOL, {"avd-rollout-lease": "mine"})
    assert await cloud.get_tags(POOL) == before


async def test_rights_and_locks() -> None:
    emulator = Emulator(scenario.build("pooled", {"hosts": 2, "locks": 1}))
    async with in_process_cloud(emulator, LoopClock()) as cloud:
        for scope in (SUBSCRIPTION, GROUP, VM, f"{VM}/extensions/x", POOL):
            assert [p["actions"] for p in await cloud.list_permissions(scope)] == [["*"]]
        locked = [vm["id"] for vm in await cloud.list_vms(GROUP) if await cloud.list_locks(vm["id"])]
        assert len(locked) == 1
        (lock,) = await cloud.list_locks(GROUP)
        assert lock["properties"]["level"] == "CanNotDelete"
        with pytest.raises(Conflict, match="ScopeLocked"):
            await cloud.delete_vm(locked[0])
    async with in_process_cloud(emulator, LoopClock(), principal="updater") as powerless:
        with pytest.raises(Forbidden, match=r"add Microsoft\.Compute/virtualMachines/read to the role"):
            await powerless.list_vms(GROUP)


async def test_resource_groups(cloud: AzureCloud) -> None:
    group = await cloud.get_resource_group(GROUP)
    assert group is not None and group["location"] == "westeurope"
    assert await cloud.get_resource_group(f"{GROUP}-nothing") is None


async def test_secrets(cloud: AzureCloud) -> None:
    vault = "https://localhost/keyvault/avd-kv"
    assert await cloud.get_secret(f"{vault}/secrets/local-admin-name") == "avdadmin"
    with pytest.raises(NotFound, match="nothing"):
        await cloud.get_secret(f"{vault}/secrets/nothing")
    with pytest.raises(Exception, match=r"https://<vault>/secrets/<name>"):
        await cloud.get_secret(f"{vault}/keys/x")


async def test_a_vaults_uri_is_what_it_says_or_its_name_in_the_clouds_domain(emulator: Emulator) -> None:
    vault = f"{GROUP}/providers/Microsoft.KeyVault/vaults/avd-kv"
    async with in_process_cloud(emulator, LoopClock(), principal="deployer") as cloud:
        assert await cloud.vault_uri(vault) == "https://localhost/keyvault/avd-kv"
        with pytest.raises(InvalidDeclaration, match=r"key_vault_id: .* does not exist"):
            await cloud.vault_uri(f"{vault}-2")
    async with in_process_cloud(emulator, LoopClock(), principal="updater") as cloud:  # without a role
        assert (await cloud.vault_uri(vault)).startswith("https://avd-kv.")


async def test_a_secret_says_when_it_is_valid(cloud: AzureCloud) -> None:
    uri = "https://localhost/keyvault/avd-kv/secrets/local-admin-name"
    assert await cloud.get_secret_bundle(uri) == {"value": "avdadmin", "attributes": {}}
    emulator = Emulator(scenario.build("empty", {}))
    async with in_process_cloud(emulator, LoopClock()) as other:
        vault = emulator.world.get(f"{GROUP}/providers/Microsoft.KeyVault/vaults/avd-kv")
        assert vault is not None
        vault.hidden["secrets"]["local-admin-name"]["versions"][-1]["attributes"].update(nbf=1, exp=1_800_000_000)
        bundle = await other.get_secret_bundle(uri)
        assert bundle["attributes"] == {"nbf": 1.0, "exp": 1_800_000_000.0}


async def test_terms_of_a_purchase_plan(cloud: AzureCloud) -> None:
    subscription, publisher = GROUP.split("/")[2], "center-for-internet-security-inc"
    found = await cloud.get_marketplace_terms(subscription, publisher, "cis-win-11", "cis-win-11-l1-gen2")
    assert found is not None and found["properties"]["accepted"] is False
    assert await cloud.get_marketplace_terms(subscription, publisher, "cis-win-11", "nothing") is None


async def test_directory_devices() -> None:
    emulator = Emulator(scenario.build("entra", {"hosts": 2}))
    async with in_process_cloud(emulator, LoopClock(), principal="updater") as cloud:
        assert await cloud.delete_directory_devices("vm-0") == 1
        await LoopClock().sleep(600)  # a deletion takes its time to reach every replica
        assert await cloud.delete_directory_devices("vm-0") == 0
    async with in_process_cloud(emulator, LoopClock(), principal="deployer") as cloud:
        with pytest.raises(Forbidden):
            await cloud.delete_directory_devices("vm-1")


async def test_azures_time_is_emulated_time(cloud: AzureCloud) -> None:
    await cloud.get_vm(VM)
    assert cloud.azure_time() == pytest.approx(LoopClock().now(), abs=1)


async def test_a_reader_writes_nothing(emulator: Emulator) -> None:
    async with in_process_cloud(emulator, LoopClock(), write_guard=read_only) as cloud:
        vm = await vm_of(cloud)
        for write in (
            cloud.update_vm(VM, {"tags": {}}, etag=vm["etag"]),
            cloud.start_vm(VM),
            cloud.delete_vm(VM),
            cloud.update_session_host(HOST, {"properties": {"allowNewSession": False}}),
            cloud.merge_tags(POOL, {"a": "b"}),
            cloud.log_off(f"{HOST}/userSessions/1"),
            cloud.delete_directory_devices("vm-0"),
        ):
            with pytest.raises((LeaseLost, Forbidden)):
                await write
        assert await cloud.registration_token(POOL) is None
        assert cloud.traffic.by_method["POST"] == 1
        assert cloud.traffic.writes == 1


# -- trouble


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_lost_answer_of_a_conditional_write(cloud: AzureCloud, emulator: Emulator, when: str) -> None:
    vm = await vm_of(cloud)
    fault(emulator, method="PATCH", path="virtualMachines/vm-0", nth=[1], effect={"type": "drop", "when": when})
    patch = {"tags": {**vm["tags"], "mine": "yes"}}
    if when == "before":
        await cloud.update_vm(VM, patch, etag=vm["etag"])
    else:  # it was done, and the second sending meets the new etag: the engine looks again
        with pytest.raises(PreconditionFailed):
            await cloud.update_vm(VM, patch, etag=vm["etag"])
    assert (await vm_of(cloud))["tags"]["mine"] == "yes"
    assert cloud.traffic.lost == 1


async def test_a_command_whose_answer_was_lost_is_not_run_twice(cloud: AzureCloud, emulator: Emulator) -> None:
    await cloud.get_vm(VM)
    fault(emulator, method="POST", path="runCommand", nth=[1], effect={"type": "drop", "when": "after"})
    with pytest.raises(AzureError, match="no answer"):
        await cloud.run_command(VM, ["hostname"])
    assert cloud.traffic.by_method["POST"] == 1


async def test_a_refused_start_is_told_as_azure_tells_it(cloud: AzureCloud, emulator: Emulator) -> None:
    await cloud.deallocate_vm(VM)
    effect = {"type": "operation", "outcome": "fail", "code": "AllocationFailed"}
    fault(emulator, method="POST", path="vm-0/start", nth=[1], effect=effect)
    with pytest.raises(OperationFailed) as caught:
        await cloud.start_vm(VM)
    assert caught.value.code == "AllocationFailed"
    await cloud.start_vm(VM)


async def test_throttled_requests_are_sent_again_after_the_wait(cloud: AzureCloud, emulator: Emulator) -> None:
    effect = {"type": "status", "status": 429, "code": "SubscriptionRequestsThrottled", "retry_after": 7}
    fault(emulator, method="GET", path="virtualMachines/vm-0", nth=[1, 2], effect=effect)
    before = LoopClock().now()
    assert (await vm_of(cloud))["name"] == "vm-0"
    assert LoopClock().now() - before >= 14
    assert cloud.traffic.throttled == 2


async def test_a_storm_of_5xx_is_survived(cloud: AzureCloud, emulator: Emulator) -> None:
    effect = {"type": "status", "status": 503}
    fault(emulator, method="GET|POST|PATCH", path=".", probability=0.3, effect=effect)
    await cloud.deallocate_vm(VM)
    await cloud.start_vm(VM)
    assert (await vm_of(cloud))["properties"]["provisioningState"] == "Succeeded"


async def test_the_emulators_buckets_are_never_emptied(emulator: Emulator) -> None:
    async with in_process_cloud(emulator, LoopClock()) as cloud:
        for _ in range(60):  # 36 reads at once and 12 a minute is what one VM has
            await cloud.get_vm(VM)
        assert cloud.traffic.throttled == 0
        assert LoopClock().now() - LoopClock().epoch > 60
