"""Unmodified SDK clients over HTTPS."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError, ResourceNotFoundError
from azure.identity import ClientSecretCredential
from azure.identity.aio import ClientSecretCredential as AsyncClientSecretCredential
from azure.keyvault.secrets.aio import SecretClient
from azure.mgmt.compute.aio import ComputeManagementClient
from azure.mgmt.desktopvirtualization.aio import DesktopVirtualizationMgmtClient
from azure.mgmt.desktopvirtualization.models import SendMessage, SessionHostPatch

from emulator.server import Running
from tests.support.emulator import served as serving

SCOPE = "https://management.azure.com/.default"


def _verify(served: Running) -> dict[str, Any]:
    return {"connection_verify": served.server.environment()["SSL_CERT_FILE"]}


@asynccontextmanager
async def _credential(served: Running, who: str = "ARM") -> AsyncIterator[AsyncClientSecretCredential]:
    known = served.server.environment()
    credential = AsyncClientSecretCredential(
        known["ARM_TENANT_ID"],
        known[f"{who}_CLIENT_ID"],
        known[f"{who}_CLIENT_SECRET"],
        authority=served.url,
        disable_instance_discovery=True,
        **_verify(served),
    )
    async with credential:
        yield credential


def _arguments(served: Running) -> dict[str, Any]:
    return {"base_url": served.url, "credential_scopes": [SCOPE], **_verify(served)}


def test_synchronous_credential_gets_a_token(served: Running) -> None:
    known = served.server.environment()
    credential = ClientSecretCredential(
        known["ARM_TENANT_ID"],
        known["ARM_CLIENT_ID"],
        known["ARM_CLIENT_SECRET"],
        authority=served.url,
        disable_instance_discovery=True,
        **_verify(served),
    )
    with credential:
        assert credential.get_token(SCOPE).token.count(".") == 2


def test_wrong_secret_is_refused_in_entras_words(served: Running) -> None:
    known = served.server.environment()
    credential = ClientSecretCredential(
        known["ARM_TENANT_ID"],
        known["ARM_CLIENT_ID"],
        "wrong",
        authority=served.url,
        disable_instance_discovery=True,
        **_verify(served),
    )
    with credential, pytest.raises(ClientAuthenticationError, match="AADSTS7000215"):
        credential.get_token(SCOPE)


async def test_desktop_virtualization_client(served: Running) -> None:
    subscription = served.server.environment()["ARM_SUBSCRIPTION_ID"]
    async with (
        _credential(served) as credential,
        DesktopVirtualizationMgmtClient(credential, subscription, **_arguments(served)) as client,
    ):
        pool = await client.host_pools.get("avd", "hp1")
        assert (pool.host_pool_type, pool.registration_info) == ("Pooled", None)
        hosts = [host async for host in client.session_hosts.list("avd", "hp1", page_size=3)]
        assert [host.name for host in hosts] == [f"hp1/vm-{number}.contoso.com" for number in range(4)]
        patch = SessionHostPatch(allow_new_session=False)
        drained = await client.session_hosts.update("avd", "hp1", "vm-3.contoso.com", session_host=patch)
        assert drained.allow_new_session is False
        sessions = [each async for each in client.user_sessions.list("avd", "hp1", "vm-3.contoso.com")]
        assert len(sessions) == 2
        number = str(sessions[0].name).rsplit("/", 1)[-1]
        message = SendMessage(message_title="Update", message_body="Please log off")
        await client.user_sessions.send_message("avd", "hp1", "vm-3.contoso.com", number, send_message=message)
        await client.user_sessions.delete("avd", "hp1", "vm-3.contoso.com", number, force=True)
        with pytest.raises(ResourceNotFoundError) as caught:
            await client.session_hosts.get("avd", "hp1", "vm-77.contoso.com")
        assert caught.value.error is not None and caught.value.error.code == "404"


async def test_compute_client_deallocates_and_starts(served: Running) -> None:
    subscription = served.server.environment()["ARM_SUBSCRIPTION_ID"]
    async with (
        _credential(served) as credential,
        ComputeManagementClient(credential, subscription, **_arguments(served)) as client,
    ):
        await (await client.virtual_machines.begin_deallocate("avd", "vm-2")).result()
        view = await client.virtual_machines.instance_view("avd", "vm-2")
        assert "PowerState/deallocated" in {status.code for status in view.statuses or []}
        await (await client.virtual_machines.begin_start("avd", "vm-2")).result()
        view = await client.virtual_machines.instance_view("avd", "vm-2")
        assert "PowerState/running" in {status.code for status in view.statuses or []}


async def test_compute_client_rolls_a_scale_set(tmp_path: Path) -> None:
    options = {"instances": 5, "versions": "1.0.1@1", "latency": False}
    with serving(tmp_path, name="scale-set", speed=3000.0, **options) as served:
        subscription = served.server.environment()["ARM_SUBSCRIPTION_ID"]
        async with (
            _credential(served) as credential,
            ComputeManagementClient(credential, subscription, **_arguments(served)) as client,
        ):
            found = await client.virtual_machine_scale_sets.get("avd", "web")
            assert (found.sku.capacity, found.virtual_machine_profile.storage_profile.os_disk.os_type) == (5, "Linux")
            rolling = client.virtual_machine_scale_set_rolling_upgrades
            await (await rolling.begin_start_os_upgrade("avd", "web")).result()
            latest = await rolling.get_latest("avd", "web")
            assert (latest.running_status.code, latest.progress.successful_instance_count) == ("Completed", 5)
            history = client.virtual_machine_scale_sets.get_os_upgrade_history("avd", "web")
            assert [each.properties.started_by async for each in history] == ["User"]
            machines = client.virtual_machine_scale_set_vms
            listed = [each async for each in machines.list("avd", "web", expand="instanceView")]
            assert {each.storage_profile.image_reference.exact_version for each in listed} == {"1.0.1"}
            assert {each.instance_view.vm_health.status.code for each in listed} == {"HealthState/healthy"}
            view = await machines.get_instance_view("avd", "web", "0")
            assert view.extensions[0].name == "setup"
            events = client.virtual_machine_scale_set_life_cycle_hook_events.list("avd", "web")
            assert [each async for each in events] == []
            await (await rolling.begin_cancel("avd", "web")).result()


async def test_updater_without_a_role_is_forbidden(served: Running) -> None:
    subscription = served.server.environment()["ARM_SUBSCRIPTION_ID"]
    async with (
        _credential(served, "HOSTPOOL") as credential,
        ComputeManagementClient(credential, subscription, **_arguments(served)) as client,
    ):
        with pytest.raises(HttpResponseError) as caught:
            await client.virtual_machines.get("avd", "vm-0")
        assert caught.value.status_code == 403
        assert "Microsoft.Compute/virtualMachines/read" in caught.value.message


async def test_secret_client_follows_the_challenge(served: Running) -> None:
    async with (
        _credential(served) as credential,
        SecretClient(
            f"{served.url}/keyvault/avd-kv", credential, verify_challenge_resource=False, **_verify(served)
        ) as client,
    ):
        assert (await client.get_secret("local-admin-name")).value == "avdadmin"
