"""Run Command against the emulated guest: what is written, what comes back, and what stays on the VM."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from cloud.azure_cloud import AzureCloud
from emulator import scenario
from emulator.app import Emulator
from emulator.wire import Request
from rollout.errors import AzureError, Conflict, NotFound, OperationFailed
from simulation.in_process import in_process_cloud
from simulation.virtual_time import LoopClock

GROUP = "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/avd"
VM = f"{GROUP}/providers/Microsoft.Compute/virtualMachines/vm-0"
SECRET = "M4rked-Secret"

pytestmark = pytest.mark.looptime


@pytest.fixture
def emulator() -> Emulator:
    return Emulator(scenario.build("pooled", {"hosts": 1, "users": 0}))


@pytest.fixture
async def cloud(emulator: Emulator) -> AsyncIterator[AzureCloud]:
    async with in_process_cloud(emulator, LoopClock()) as opened:
        yield opened


def fault(emulator: Emulator, **rule: Any) -> None:
    answer = emulator.handle(Request("POST", "/emulator/faults", body={"seed": 1, "rules": [{"id": "f", **rule}]}))
    assert answer.status < 300, answer.body


def scripts(emulator: Emulator) -> list[dict[str, Any]]:
    return list(emulator.world.sections.get("guest_scripts") or [])


def commands(emulator: Emulator) -> list[str]:
    """Managed run commands that are on the VM."""
    return [key for key in emulator.world.resources if "/runcommands/" in key.lower()]


PRINT = ("param([string]$JoinUser, [string]$JoinPassword)", "Write-Output $JoinUser")


async def test_protected_parameters_reach_the_script_and_nothing_stays(cloud: AzureCloud, emulator: Emulator) -> None:
    output = await cloud.run_protected_command(VM, "avd-repair", PRINT, {"JoinUser": "joiner", "JoinPassword": SECRET})
    assert output.strip() == "joiner"
    assert commands(emulator) == []
    requests = emulator.handle(Request("GET", "/emulator/requests", {"since": "0"})).body
    assert SECRET not in json.dumps(requests) and SECRET not in json.dumps(scripts(emulator))
    found = await cloud.get_vm(VM, instance_view=True)
    assert SECRET not in json.dumps(found)


async def test_while_it_runs_the_secret_is_in_no_answer(cloud: AzureCloud, emulator: Emulator) -> None:
    """The emulator, like Azure, gives no protected parameter back: neither in the resource nor in its instance view."""
    seen: list[str] = []

    def look(*args: Any) -> None:
        for key in commands(emulator):
            path = key.partition("?")[0]
            answer = emulator.handle(Request("GET", path, {"api-version": "2024-11-01", "$expand": "instanceView"}))
            seen.append(json.dumps(answer.body))

    async with in_process_cloud(emulator, LoopClock(), observer=look) as watched:
        await watched.run_protected_command(VM, "avd-repair", PRINT, {"JoinUser": "j", "JoinPassword": SECRET})
    assert seen and not [body for body in seen if SECRET in body]


async def test_a_failing_script_is_an_error_with_its_exit_code_and_is_taken_off(
    cloud: AzureCloud, emulator: Emulator
) -> None:
    with pytest.raises(OperationFailed, match="exit code 3") as raised:
        await cloud.run_protected_command(VM, "avd-verify", ("Write-Error 'no licence'", "exit 3"), {"A": SECRET})
    assert "no licence" in str(raised.value) and SECRET not in str(raised.value)
    assert commands(emulator) == []


async def test_errors_of_a_script_that_ends_well_come_after_its_output(cloud: AzureCloud) -> None:
    output = await cloud.run_protected_command(VM, "avd-x", ("Write-Output 'a'", "Write-Error 'b'"), {})
    assert output.splitlines()[:2] == ["a", "--- stderr"] and "b" in output.splitlines()[2]


async def test_a_command_that_azure_refuses_leaves_nothing(cloud: AzureCloud, emulator: Emulator) -> None:
    await cloud.deallocate_vm(VM)
    with pytest.raises(Conflict, match="not running") as raised:
        await cloud.run_protected_command(VM, "avd-repair", PRINT, {"JoinUser": "j", "JoinPassword": SECRET})
    assert SECRET not in str(raised.value) and commands(emulator) == []


async def test_a_command_whose_operation_fails_is_taken_off(cloud: AzureCloud, emulator: Emulator) -> None:
    effect = {"type": "operation", "outcome": "fail", "code": "VMExtensionProvisioningError"}
    fault(emulator, method="PUT", path="runCommands/avd-repair", nth=[1], effect=effect)
    with pytest.raises(OperationFailed):
        await cloud.run_protected_command(VM, "avd-repair", PRINT, {"JoinUser": "j", "JoinPassword": SECRET})
    assert commands(emulator) == []


async def test_a_vm_that_is_gone_is_told(cloud: AzureCloud) -> None:
    with pytest.raises(NotFound, match="vm-9 does not exist"):
        await cloud.run_protected_command(VM.replace("vm-0", "vm-9"), "avd-repair", PRINT, {})


async def test_the_actions_last_script_stays_until_it_is_removed(cloud: AzureCloud, emulator: Emulator) -> None:
    """It would run again on the next disk; a managed command that was deleted leaves no such thing."""
    vm = emulator.world.get(VM)
    assert vm is not None
    await cloud.run_protected_command(VM, "avd-leave", ("dsregcmd /leave",), {})
    assert "run_command_action" not in vm.hidden
    await cloud.run_command(VM, ["hostname"])
    assert vm.hidden["run_command_action"]["script"] == "hostname"
    await cloud.remove_run_command(VM)
    assert "run_command_action" not in vm.hidden
    await cloud.remove_run_command(VM)


async def test_the_action_says_what_the_script_wrote_whatever_its_exit_code(cloud: AzureCloud) -> None:
    output = await cloud.run_command(VM, ["Write-Output 'a'", "Write-Error 'b'", "exit 3"])
    assert output.splitlines()[0] == "a" and "--- stderr" in output and "b" in output


async def test_the_action_is_never_sent_twice(cloud: AzureCloud, emulator: Emulator) -> None:
    fault(emulator, method="POST", path="/runCommand", nth=[1], effect={"type": "drop", "when": "after"})
    with pytest.raises(AzureError):
        await cloud.run_command(VM, ["hostname"])
    sent = emulator.handle(Request("GET", "/emulator/requests", {"since": "0"})).body["requests"]
    assert len([each for each in sent if each["path"].lower().endswith("/runcommand")]) == 1
