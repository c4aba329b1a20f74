"""The life of a swapped disk by the unmodified azure-mgmt-compute and azure-mgmt-network, over HTTPS."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Iterator
from typing import Any

import pytest
import pytest_asyncio
from azure.core import MatchConditions
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceModifiedError
from azure.identity.aio import ClientSecretCredential
from azure.mgmt.compute.aio import ComputeManagementClient
from azure.mgmt.network.aio import NetworkManagementClient

from emulator import clock, scenario
from emulator.app import Emulator
from emulator.scenario_hosts import SUBSCRIPTION
from emulator.server import Running, running

GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/avd"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    world = scenario.build("pooled", {"hosts": 2, "users": 0, "latency": False})
    clock.start(world, 2000.0)
    with running(Emulator(world), tmp_path_factory.mktemp("compute")) as server:
        yield server


@pytest_asyncio.fixture
async def clients(served: Running) -> AsyncIterator[tuple[ComputeManagementClient, NetworkManagementClient]]:
    known = served.server.environment()
    verify: dict[str, Any] = {"connection_verify": known["SSL_CERT_FILE"]}
    credential = ClientSecretCredential(
        known["ARM_TENANT_ID"],
        known["ARM_CLIENT_ID"],
        known["ARM_CLIENT_SECRET"],
        authority=served.url,
        disable_instance_discovery=True,
        **verify,
    )
    scopes = ["https://management.azure.com/.default"]
    options: dict[str, Any] = {"base_url": served.url, "credential_scopes": scopes, "retry_total": 0, **verify}
    subscription = known["ARM_SUBSCRIPTION_ID"]
    async with (
        credential,
        ComputeManagementClient(credential, subscription, **options) as compute,
        NetworkManagementClient(credential, subscription, **options) as network,
    ):
        yield compute, network


async def done(begun: Awaitable[Any]) -> Any:
    """The result of a long-running operation."""
    return await (await begun).result()


async def test_a_disk_is_built_swapped_in_and_checked(
    clients: tuple[ComputeManagementClient, NetworkManagementClient],
) -> None:
    compute, network = clients
    machines = compute.virtual_machines
    before = (await machines.get("avd", "vm-0")).as_dict()
    subnet = {"id": f"{GROUP}/providers/Microsoft.Network/virtualNetworks/avd-vnet/subnets/build"}
    configuration = {"name": "ip1", "properties": {"subnet": subnet}}
    wanted: Any = {"location": "westeurope", "properties": {"ipConfigurations": [configuration]}}
    nic = await done(network.network_interfaces.begin_create_or_update("avd", "tmp-nic", wanted))
    profile = before["properties"]
    body: Any = {
        "location": "westeurope",
        "zones": before["zones"],
        "properties": {
            "hardwareProfile": profile["hardwareProfile"],
            "storageProfile": {
                "imageReference": {"id": f"{GROUP}/providers/Microsoft.Compute/images/win11-1.0.1"},
                "osDisk": {
                    "createOption": "FromImage",
                    "name": "new",
                    "managedDisk": {"storageAccountType": "Premium_LRS"},
                },
            },
            "osProfile": {
                "computerName": "vm-0",
                "adminUsername": "avdadmin",
                "adminPassword": "L0cal-Admin-Passw0rd!",
                "windowsConfiguration": profile["osProfile"]["windowsConfiguration"],
            },
            "securityProfile": profile["securityProfile"],
            "networkProfile": {"networkInterfaces": [{"id": nic.id, "properties": {"deleteOption": "Delete"}}]},
        },
    }
    made = await done(machines.begin_create_or_update("avd", "tmp", body, match_condition=MatchConditions.IfMissing))
    assert made.provisioning_state == "Succeeded"
    with pytest.raises((ResourceExistsError, HttpResponseError)) as exists:
        await done(machines.begin_create_or_update("avd", "tmp", body, match_condition=MatchConditions.IfMissing))
    assert exists.value.status_code == 412
    command: Any = {"commandId": "RunPowerShellScript", "script": ["Write-Output ready"]}
    said = await done(machines.begin_run_command("avd", "tmp", command))
    assert [status.message for status in said.value or []] == ["ready", ""]
    await done(machines.begin_delete("avd", "tmp"))
    disk = await compute.disks.get("avd", "new")
    assert (disk.managed_by, disk.disk_state) == (None, "Unattached")

    for name in ("Microsoft.PowerShell.DSC", "joindomain"):
        await done(compute.virtual_machine_extensions.begin_delete("avd", "vm-0", name))
    await done(machines.begin_deallocate("avd", "vm-0"))
    current = await machines.get("avd", "vm-0")
    swap: Any = {"properties": {"storageProfile": {"osDisk": {"name": "new", "managedDisk": {"id": disk.id}}}}}
    with pytest.raises(ResourceModifiedError):
        await done(
            machines.begin_update("avd", "vm-0", swap, etag='"99"', match_condition=MatchConditions.IfNotModified)
        )
    await done(
        machines.begin_update("avd", "vm-0", swap, etag=current.etag, match_condition=MatchConditions.IfNotModified)
    )
    await done(machines.begin_start("avd", "vm-0"))
    after = (await machines.get("avd", "vm-0", expand="instanceView")).as_dict()
    assert after["properties"]["storageProfile"]["osDisk"]["managedDisk"]["id"] == disk.id
    assert after["properties"]["vmId"] == profile["vmId"]
    assert after["properties"]["storageProfile"]["dataDisks"] == profile["storageProfile"]["dataDisks"]
    codes = {status["code"] for status in after["properties"]["instanceView"]["statuses"]}
    assert {"PowerState/running", "ProvisioningState/succeeded"} <= codes


async def test_disks_and_extensions(clients: tuple[ComputeManagementClient, NetworkManagementClient]) -> None:
    compute, _ = clients
    empty: Any = {"location": "westeurope", "properties": {"creationData": {"createOption": "Empty"}, "diskSizeGB": 8}}
    disk = await done(compute.disks.begin_create_or_update("avd", "plain", empty))
    assert (disk.disk_size_gb, disk.provisioning_state) == (8, "Succeeded")
    assert "plain" in {each.name async for each in compute.disks.list_by_resource_group("avd")}
    await done(compute.disks.begin_delete("avd", "plain"))
    await done(compute.virtual_machines.begin_deallocate("avd", "vm-1"))
    with pytest.raises(HttpResponseError) as stopped:
        await done(compute.virtual_machine_extensions.begin_delete("avd", "vm-1", "joindomain"))
    assert stopped.value.error is not None
    assert stopped.value.error.code == "OperationNotAllowed"
