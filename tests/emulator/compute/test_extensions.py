"""Extensions: writes, what they do in the guest, trust, and the AVD agent."""

from __future__ import annotations

from typing import Any

import pytest

from emulator import computers, faults
from tests.emulator.arm_client import LOCATION, NETWORK, Client, code, message
from tests.emulator.compute.machines import GENERIC, JOIN, Machines

POOL = NETWORK.replace("Microsoft.Network", "Microsoft.DesktopVirtualization") + "/hostPools/hp1"
AAD = {"publisher": "Microsoft.Azure.ActiveDirectory", "type": "AADLoginForWindows", "typeHandlerVersion": "2.0"}


def _dsc(token: str, **properties: Any) -> dict[str, Any]:
    return {
        "publisher": "Microsoft.Powershell",
        "type": "DSC",
        "typeHandlerVersion": "2.83",
        "settings": {
            "configurationFunction": "Configuration.ps1\\AddSessionHost",
            "properties": {
                "hostPoolName": "hp1",
                "registrationInfoTokenCredential": {
                    "UserName": "x",
                    "Password": "PrivateSettingsRef:RegistrationInfoToken",
                },
                **properties,
            },
        },
        "protectedSettings": {"Items": {"RegistrationInfoToken": token}},
    }


def _pool(cloud: Client) -> str:
    """A host pool; returns a registration token that is good for a day."""
    expires = cloud.world.iso(cloud.world.now + 86400)
    body = {
        "location": LOCATION,
        "properties": {
            "hostPoolType": "Pooled",
            "loadBalancerType": "BreadthFirst",
            "preferredAppGroupType": "Desktop",
            "maxSessionLimit": 4,
            "registrationInfo": {"expirationTime": expires, "registrationTokenOperation": "Update"},
        },
    }
    assert cloud.put(POOL, body).status == 201
    return str(cloud.call("POST", f"{POOL}/retrieveRegistrationToken").body["token"])


def _status(cloud: Machines, vm: str, name: str) -> dict[str, Any]:
    view = cloud.get(f"{cloud.path(vm)}/extensions/{name}?$expand=instanceView").body["properties"]["instanceView"]
    found: dict[str, Any] = view["statuses"][0]
    return found


def test_lifecycle_as_recorded(cloud: Machines) -> None:
    cloud.vm("vm-1")
    secret = {**GENERIC, "protectedSettings": {"key": "s3cret"}}
    answer = cloud.extension("vm-1", "AMA", secret)
    assert (answer.status, answer.headers.find("Location")) == (201, None)
    assert answer.body["properties"]["provisioningState"] == "Creating"
    assert cloud.finish(answer)["status"] == "Succeeded"
    shown = cloud.get(cloud.path("vm-1")).body
    assert [(r["name"], r["properties"]["provisioningState"]) for r in shown["resources"]] == [("AMA", "Succeeded")]
    assert "s3cret" not in str(shown) + str(cloud.get(f"{cloud.path('vm-1')}/extensions").body)
    assert _status(cloud, "vm-1", "AMA")["code"] == "ProvisioningState/succeeded"
    gone = cloud.delete(f"{cloud.path('vm-1')}/extensions/AMA")
    assert gone.status == 202
    cloud.finish(gone)
    assert "resources" not in cloud.get(cloud.path("vm-1")).body
    assert cloud.delete(f"{cloud.path('vm-1')}/extensions/AMA").status == 204


def test_a_stopped_vm_takes_no_extension_writes(cloud: Machines) -> None:
    cloud.vm("vm-1")
    cloud.finish(cloud.extension("vm-1", "AMA", GENERIC))
    cloud.do("vm-1", "deallocate")
    for answer in (
        cloud.extension("vm-1", "other", JOIN),
        cloud.delete(f"{cloud.path('vm-1')}/extensions/AMA"),
        cloud.call("PATCH", f"{cloud.path('vm-1')}/extensions/AMA", {"tags": {}}),
    ):
        assert (answer.status, code(answer)) == (409, "OperationNotAllowed")
        assert message(answer) == "Cannot modify extensions in the VM when the VM is not running."


def test_windows_takes_one_extension_of_a_handler(cloud: Machines) -> None:
    cloud.vm("vm-1")
    cloud.finish(cloud.extension("vm-1", "AMA", GENERIC))
    answer = cloud.extension("vm-1", "another", GENERIC)
    assert (answer.status, message(answer)) == (
        400,
        "Multiple VMExtensions per handler not supported for OS type 'Windows'.",
    )


def test_an_unchanged_put_does_not_run_again(cloud: Machines) -> None:
    cloud.vm("vm-1")
    cloud.finish(cloud.extension("vm-1", "join", JOIN))
    assert cloud.join_generation("vm-1") == 1
    again = cloud.extension("vm-1", "join", JOIN)
    assert again.status == 200
    cloud.finish(again)
    assert cloud.join_generation("vm-1") == 1
    cloud.finish(cloud.extension("vm-1", "join", {**JOIN, "forceUpdateTag": "2"}))
    assert cloud.join_generation("vm-1") == 2


def test_a_silent_agent_fails_the_write_after_25_minutes(cloud: Machines) -> None:
    cloud.vm("vm-1")
    cloud.do("vm-1", "deallocate")
    faults.replace(cloud.world, {"rules": [{"id": "f", "effect": {"type": "guest", "fault": "never_boots"}}]})
    cloud.do("vm-1", "start")
    status = cloud.finish(cloud.extension("vm-1", "AMA", GENERIC))
    assert (status["status"], status["error"]["code"]) == ("Failed", "VMAgentStatusCommunicationError")
    shown = cloud.get(cloud.path("vm-1")).body
    assert shown["resources"][0]["properties"]["provisioningState"] == "Failed"
    assert shown["properties"]["provisioningState"] == "Succeeded", "the VM itself is not Failed"


def test_a_vm_update_cancels_an_extension_under_way(cloud: Machines) -> None:
    cloud.vm("vm-1")
    running = cloud.extension("vm-1", "join", JOIN)
    cloud.wait(5)
    cloud.call("PATCH", cloud.path("vm-1"), {"tags": {"a": "1"}})
    status = cloud.finish(running)
    assert (status["status"], status["error"]["code"]) == ("Canceled", "OperationPreempted")
    cloud.wait(600)
    assert not cloud.guest("vm-1").joined


# -- domain join and trust


def test_domain_join(cloud: Machines) -> None:
    cloud.vm("vm-1")
    assert not cloud.guest("vm-1").joined
    assert cloud.finish(cloud.extension("vm-1", "join", JOIN))["status"] == "Succeeded"
    guest = cloud.guest("vm-1")
    assert (guest.joined, guest.join_type, guest.trust_broken) == (True, "ad", False)


def test_a_wrong_join_password(cloud: Machines) -> None:
    computers.set_join_account(cloud.world, "joiner@contoso.com", "the right one")
    cloud.vm("vm-1")
    status = cloud.finish(cloud.extension("vm-1", "join", JOIN))
    assert (status["status"], status["error"]["code"]) == ("Failed", "VMExtensionProvisioningError")
    assert "joining Domain 'contoso.com'" in status["error"]["message"]
    assert "1326" in status["error"]["message"]
    assert _status(cloud, "vm-1", "join")["level"] == "Error"


def test_a_computer_object_of_another_account_is_not_taken_over(cloud: Machines) -> None:
    computers.join_ad(cloud.world, "vm-1", "somebody@contoso.com")
    cloud.vm("vm-1")
    assert "2732" in cloud.finish(cloud.extension("vm-1", "join", JOIN))["error"]["message"]


def test_the_disk_that_joined_earlier_loses_its_trust(cloud: Machines) -> None:
    cloud.vm("vm-1")
    old = cloud.os_disk("vm-1")
    cloud.finish(cloud.extension("vm-1", "join", JOIN))
    cloud.finish(cloud.delete(f"{cloud.path('vm-1')}/extensions/join"))
    cloud.do("vm-1", "deallocate")
    cloud.finish(cloud.swap("vm-1", cloud.spare_disk("vm-1")))
    cloud.do("vm-1", "start")
    cloud.wait(200)
    assert not cloud.guest("vm-1").joined
    cloud.finish(cloud.extension("vm-1", "join", JOIN))
    assert cloud.guest("vm-1").joined
    cloud.finish(cloud.delete(f"{cloud.path('vm-1')}/extensions/join"))
    cloud.do("vm-1", "deallocate")
    cloud.finish(cloud.swap("vm-1", old))
    cloud.do("vm-1", "start")
    cloud.wait(200)
    guest = cloud.guest("vm-1")
    assert (guest.joined, guest.trust_broken) == (False, True)
    assert cloud.run("vm-1", "Test-ComputerSecureChannel")["out"] == "False"
    repair = (
        "param([string]$User, [string]$Password)",
        "$secret = ConvertTo-SecureString $Password -AsPlainText -Force",
        "$credential = New-Object System.Management.Automation.PSCredential($User, $secret)",
        "Test-ComputerSecureChannel -Repair -Credential $credential",
    )
    assert cloud.run("vm-1", *repair, User="joiner@contoso.com", Password="J0in!")["out"] == "True"
    assert cloud.guest("vm-1").joined


def test_joining_a_joined_machine_again_breaks_its_trust(cloud: Machines) -> None:
    cloud.vm("vm-1")
    cloud.finish(cloud.extension("vm-1", "join", JOIN))
    cloud.finish(cloud.extension("vm-1", "join", {**JOIN, "forceUpdateTag": "again"}))
    assert cloud.guest("vm-1").trust_broken


def test_the_fault_join_fails(cloud: Machines) -> None:
    effect = {"type": "guest", "host": "^vm-1$", "fault": "join_fails"}
    faults.replace(cloud.world, {"rules": [{"id": "f", "effect": effect, "times": 1}]})
    cloud.vm("vm-1")
    assert cloud.finish(cloud.extension("vm-1", "join", JOIN))["status"] == "Failed"
    cloud.do("vm-1", "restart")
    cloud.wait(200)
    retried = cloud.finish(cloud.extension("vm-1", "join", {**JOIN, "forceUpdateTag": "2"}))
    assert retried["status"] == "Succeeded"


# -- Entra join


def _entra_vm(cloud: Machines, name: str) -> None:
    cloud.vm(name)
    cloud.finish(cloud.call("PATCH", cloud.path(name), {"identity": {"type": "SystemAssigned"}}))


def test_entra_join_needs_a_system_assigned_identity(cloud: Machines) -> None:
    cloud.vm("vm-1")
    assert "managed identity" in cloud.finish(cloud.extension("vm-1", "aad", AAD))["error"]["message"]
    assert computers.devices(cloud.world) == []


def test_a_live_device_of_the_name_stands_in_the_way(cloud: Machines) -> None:
    _entra_vm(cloud, "vm-1")
    cloud.finish(cloud.extension("vm-1", "aad", AAD))
    assert (cloud.guest("vm-1").join_type, cloud.guest("vm-1").joined) == ("entra", True)
    cloud.finish(cloud.delete(f"{cloud.path('vm-1')}/extensions/aad"))
    cloud.do("vm-1", "deallocate")
    cloud.finish(cloud.swap("vm-1", cloud.spare_disk("vm-1")))
    cloud.do("vm-1", "start")
    cloud.wait(200)
    failed = cloud.finish(cloud.extension("vm-1", "aad", AAD))
    assert "Another object with the same value for property hostnames already exists" in failed["error"]["message"]
    (device,) = computers.devices(cloud.world)
    assert computers.delete_device(cloud.world, device["id"])
    retried = cloud.finish(cloud.extension("vm-1", "aad", {**AAD, "forceUpdateTag": "2"}))
    assert retried["status"] == "Succeeded"
    assert cloud.guest("vm-1").joined


def test_dsregcmd_leave_takes_the_device_away(cloud: Machines) -> None:
    _entra_vm(cloud, "vm-1")
    cloud.finish(cloud.extension("vm-1", "aad", AAD))
    assert "AzureAdJoined : YES" in cloud.run("vm-1", "dsregcmd /status")["out"]
    cloud.run("vm-1", "dsregcmd /leave")
    assert computers.devices(cloud.world) == []
    assert "AzureAdJoined : NO" in cloud.run("vm-1", "dsregcmd.exe /status")["out"]


# -- AVD agent


def test_the_agent_registers_with_the_token_of_the_settings(cloud: Machines) -> None:
    token = _pool(cloud)
    cloud.vm("vm-1")
    assert cloud.finish(cloud.extension("vm-1", "dsc", _dsc(token)))["status"] == "Succeeded"
    guest = cloud.guest("vm-1")
    assert guest.registered_pool is not None
    assert guest.registered_pool.lower() == POOL.lower()
    host = cloud.get(f"{POOL}/sessionHosts/vm-1").body["properties"]
    assert host["allowNewSession"] is True
    assert host["virtualMachineId"] == guest.vm_guid


@pytest.mark.parametrize(
    ("token", "expected"), [("wrong", "INVALID_REGISTRATION_TOKEN"), (None, "EXPIRED_REGISTRATION_TOKEN")]
)
def test_a_token_that_is_no_good(cloud: Machines, token: str | None, expected: str) -> None:
    given = _pool(cloud) if token is None else token
    cloud.vm("vm-1")
    if token is None:
        cloud.wait(2 * 86400)
    status = cloud.finish(cloud.extension("vm-1", "dsc", _dsc(given)))
    assert (status["status"], status["error"]["code"]) == ("Failed", "VMExtensionProvisioningError")
    assert expected in status["error"]["message"]
    assert not cloud.guest("vm-1").registered


def test_a_record_of_the_name_stands_in_the_way(cloud: Machines) -> None:
    token = _pool(cloud)
    cloud.vm("vm-1")
    cloud.finish(cloud.extension("vm-1", "dsc", _dsc(token)))
    cloud.finish(cloud.delete(f"{cloud.path('vm-1')}/extensions/dsc"))
    cloud.do("vm-1", "deallocate")
    cloud.finish(cloud.swap("vm-1", cloud.spare_disk("vm-1")))
    cloud.do("vm-1", "start")
    cloud.wait(200)
    status = cloud.finish(cloud.extension("vm-1", "dsc", _dsc(token)))
    assert "NAME_ALREADY_REGISTERED" in status["error"]["message"]


def test_an_agent_that_believes_itself_registered_does_nothing(cloud: Machines) -> None:
    token = _pool(cloud)
    cloud.vm("vm-1")
    cloud.finish(cloud.extension("vm-1", "dsc", _dsc(token)))
    assert cloud.delete(f"{POOL}/sessionHosts/vm-1").status == 200
    cloud.finish(cloud.extension("vm-1", "dsc", {**_dsc(token), "forceUpdateTag": "2"}))
    assert cloud.get(f"{POOL}/sessionHosts/vm-1").status == 404
    key = r"HKLM:\SOFTWARE\Microsoft\RDInfraAgent"
    cloud.run(
        "vm-1",
        "param([string]$Token)",
        f"Set-ItemProperty -Path '{key}' -Name RegistrationToken -Value $Token",
        f"Set-ItemProperty -Path '{key}' -Name IsRegistered -Value 0",
        "Restart-Service RDAgentBootLoader -Force",
        Token=token,
    )
    assert cloud.get(f"{POOL}/sessionHosts/vm-1").status == 200
    assert cloud.run("vm-1", f"(Get-ItemProperty '{key}').IsRegistered")["out"] == "1"


def test_the_fault_never_registers(cloud: Machines) -> None:
    token = _pool(cloud)
    faults.replace(cloud.world, {"rules": [{"id": "f", "effect": {"type": "guest", "fault": "never_registers"}}]})
    cloud.vm("vm-1")
    assert cloud.finish(cloud.extension("vm-1", "dsc", _dsc(token)))["status"] == "Succeeded"
    assert cloud.get(f"{POOL}/sessionHosts/vm-1").status == 404


def test_the_fault_agent_slow_and_the_wait_for_entra(cloud: Machines) -> None:
    token = _pool(cloud)

    def seconds(name: str, **properties: Any) -> float:
        cloud.vm(name)
        status = cloud.finish(cloud.extension(name, "dsc", _dsc(token, **properties)))
        operation = cloud.world.sections["operations"][status["name"]]
        return float(operation.ended - operation.started)

    plain, entra = seconds("vm-1"), seconds("vm-2", aadJoin=True)
    effect = {"type": "guest", "host": "vm-3", "fault": "agent_slow", "seconds": 1500}
    faults.replace(cloud.world, {"rules": [{"id": "f", "effect": effect}]})
    slow = seconds("vm-3")
    assert plain < 600
    assert entra > 360 + 100
    assert slow > 1500


def test_an_old_dsc_extension_replays_its_old_token_on_the_new_disk(cloud: Machines) -> None:
    token = _pool(cloud)
    cloud.vm("vm-1")
    cloud.finish(cloud.extension("vm-1", "dsc", _dsc(token)))
    assert cloud.delete(f"{POOL}/sessionHosts/vm-1").status == 200
    cloud.do("vm-1", "deallocate")
    cloud.finish(cloud.swap("vm-1", cloud.spare_disk("vm-1")))
    cloud.wait(2 * 86400)
    status = cloud.do("vm-1", "start")
    assert status["status"] == "Failed"
    assert "EXPIRED_REGISTRATION_TOKEN" in status["error"]["message"]
