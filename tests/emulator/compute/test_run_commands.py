"""Run commands: the action and the managed resource, and what scripts see and do."""

from __future__ import annotations

from typing import Any

from tests.emulator.arm_client import LOCATION, code, message
from tests.emulator.compute.machines import Machines

SETUP = r"HKLM:\SOFTWARE\Microsoft\Windows\CurrentVersion\Setup\State"
PENDING = r"HKLM:\SOFTWARE\Microsoft\Windows\CurrentVersion\Component Based Servicing\RebootPending"
UPDATES = r"HKLM:\SOFTWARE\Policies\Microsoft\Windows\WindowsUpdate\AU"


def test_the_action_as_recorded(cloud: Machines) -> None:
    cloud.vm("vm-1")
    body = {"commandId": "RunPowerShellScript", "script": ["Write-Output hello", "Write-Error 'no good'"]}
    answer = cloud.call("POST", f"{cloud.path('vm-1')}/runCommand", body)
    assert answer.status == 202
    location = answer.headers.find("Location")
    assert location is not None
    status = cloud.finish(answer)
    value = status["properties"]["output"]["value"]
    assert [(v["code"], v["message"]) for v in value] == [
        ("ComponentStatus/StdOut/succeeded", "hello"),
        ("ComponentStatus/StdErr/succeeded", "no good"),
    ]
    assert cloud.get(location).body == status["properties"]["output"]


def test_one_action_at_a_time_and_only_on_a_running_vm(cloud: Machines) -> None:
    cloud.vm("vm-1")
    body = {"commandId": "RunPowerShellScript", "script": ["hostname"]}
    cloud.call("POST", f"{cloud.path('vm-1')}/runCommand", body)
    second = cloud.call("POST", f"{cloud.path('vm-1')}/runCommand", body)
    assert (second.status, code(second)) == (409, "Conflict")
    cloud.do("vm-1", "deallocate")
    stopped = cloud.call("POST", f"{cloud.path('vm-1')}/runCommand", body)
    assert (stopped.status, message(stopped)) == (409, "The operation requires the VM to be running (or set to run).")


def test_what_a_check_of_a_new_machine_reads(cloud: Machines) -> None:
    cloud.vm("vm-1")
    said = cloud.run(
        "vm-1",
        f"Write-Output \"ImageState=$((Get-ItemProperty '{SETUP}' -ErrorAction SilentlyContinue).ImageState)\"",
        f"Write-Output \"RebootPending=$(Test-Path '{PENDING}')\"",
        f"Write-Output \"NoAutoUpdate=$((Get-ItemProperty '{UPDATES}' -ErrorAction SilentlyContinue).NoAutoUpdate)\"",
        'Write-Output "TimeZone=$((Get-TimeZone).Id)"',
        'Write-Output "Registered=$((Get-ItemProperty HKLM:\\SOFTWARE\\Microsoft\\RDInfraAgent -ErrorAction '
        'SilentlyContinue).IsRegistered)"',
    )
    assert said == {
        "out": "ImageState=IMAGE_STATE_COMPLETE\nRebootPending=False\nNoAutoUpdate=1\n"
        "TimeZone=W. Europe Standard Time\nRegistered=",
        "err": "",
    }


def test_the_system_partition_takes_the_disk(cloud: Machines) -> None:
    cloud.vm("vm-1")
    content = cloud.world.resources[cloud.guest("vm-1").os_disk_id.lower()].hidden["content"]
    cloud.do("vm-1", "deallocate")
    cloud.finish(cloud.call("PATCH", cloud.os_disk("vm-1")["id"], {"properties": {"diskSizeGB": 256}}))
    cloud.do("vm-1", "start")
    cloud.wait(200)
    assert content["partition_gb"] == 127
    cloud.run(
        "vm-1",
        "$largest = (Get-PartitionSupportedSize -DriveLetter C).SizeMax",
        "Resize-Partition -DriveLetter C -Size $largest -ErrorAction SilentlyContinue",
    )
    assert content["partition_gb"] == 256


def test_a_guest_that_shuts_down_by_itself_is_stopped_not_deallocated(cloud: Machines) -> None:
    cloud.vm("vm-1")
    cloud.run("vm-1", "shutdown.exe /s /t 0")
    cloud.wait(120)
    assert cloud.power("vm-1") == "PowerState/stopped"


def test_unknown_commands_succeed_and_are_noted(cloud: Machines) -> None:
    cloud.vm("vm-1")
    assert cloud.run("vm-1", "Invoke-Something -Deep", "Write-Output done")["out"] == "done"
    assert cloud.world.sections["guest_scripts"][-1]["not_understood"] == ["Invoke-Something"]


def _put(cloud: Machines, name: str, script: str, **properties: Any) -> Any:
    body = {"location": LOCATION, "properties": {"source": {"script": script}, **properties}}
    answer = cloud.put(f"{cloud.path('vm-1')}/runCommands/{name}", body)
    assert answer.status == 201, answer.body
    return cloud.finish(answer)


def test_managed_run_command(cloud: Machines) -> None:
    cloud.vm("vm-1")
    secret = [{"name": "Word", "value": "s3cret"}]
    status = _put(
        cloud, "one", 'param($Word)\nif ($Word -eq "s3cret") { Write-Output yes }\nexit 3', protectedParameters=secret
    )
    assert status["status"] == "Succeeded"
    path = f"{cloud.path('vm-1')}/runCommands/one"
    assert "instanceView" not in cloud.get(path).body["properties"]
    shown = cloud.get(f"{path}?$expand=instanceView").body
    assert "s3cret" not in str(shown["properties"].get("protectedParameters"))
    view = shown["properties"]["instanceView"]
    assert (view["executionState"], view["exitCode"], view["output"]) == ("Failed", 3, "yes")
    assert shown["properties"]["provisioningState"] == "Succeeded"
    cloud.finish(cloud.delete(path))
    assert cloud.get(path).status == 404


def test_a_managed_run_command_may_fail_its_deployment(cloud: Machines) -> None:
    cloud.vm("vm-1")
    status = _put(cloud, "one", "exit 1", treatFailureAsDeploymentFailure=True)
    assert (status["status"], status["error"]["code"]) == ("Failed", "VMExtensionProvisioningError")


def test_scripts_replay_on_another_disk_until_they_are_taken_off(cloud: Machines) -> None:
    cloud.vm("vm-1")
    first = cloud.os_disk("vm-1")
    cloud.run("vm-1", "Write-Output action")
    _put(cloud, "one", "Write-Output managed")
    cloud.do("vm-1", "deallocate")
    cloud.finish(cloud.swap("vm-1", cloud.spare_disk("vm-1")))
    ran = cloud.world.sections["guest_scripts"]
    before = len(ran)
    cloud.do("vm-1", "start")
    cloud.wait(300)
    assert [(entry["script"], entry["replayed"]) for entry in ran[before:]] == [
        ("Write-Output managed", False),
        ("Write-Output action", True),
    ]
    cloud.do("vm-1", "runCommand", {"commandId": "RemoveRunCommandWindowsExtension"})
    cloud.finish(cloud.delete(f"{cloud.path('vm-1')}/runCommands/one"))
    other = cloud.spare_disk("vm-1b")
    cloud.do("vm-1", "deallocate")
    cloud.finish(cloud.swap("vm-1", other))
    before = len(ran)
    cloud.do("vm-1", "start")
    cloud.wait(300)
    assert len(ran) == before
    assert first["name"] != other["name"]
