"""Power operations, the instance view, and what a start waits for."""

from __future__ import annotations

import pytest

from emulator import faults
from tests.emulator.arm_client import code, message
from tests.emulator.compute.machines import GENERIC, JOIN, Machines


@pytest.mark.parametrize(
    ("verb", "power"), [("deallocate", "PowerState/deallocated"), ("powerOff", "PowerState/stopped")]
)
def test_stop_and_start_as_recorded(cloud: Machines, verb: str, power: str) -> None:
    cloud.vm("vm-1")
    answer = cloud.call("POST", f"{cloud.path('vm-1')}/{verb}")
    assert (answer.status, answer.body, answer.headers.find("Retry-After")) == (202, None, "10")
    location = answer.headers.find("Location")
    assert location is not None
    assert "monitor=true" in location
    assert cloud.get(location).status == 202
    assert cloud.power("vm-1") in ("PowerState/deallocating", "PowerState/stopping")
    assert cloud.finish(answer)["status"] == "Succeeded"
    assert cloud.get(location).status == 200
    assert cloud.power("vm-1") == power
    assert not cloud.guest("vm-1").booted
    assert cloud.do("vm-1", "start")["status"] == "Succeeded"
    assert cloud.power("vm-1") == "PowerState/running"
    assert not cloud.guest("vm-1").booted, "the guest takes its time after the operation"
    cloud.wait(200)
    assert cloud.guest("vm-1").booted


def test_starting_what_runs_succeeds_at_once(cloud: Machines) -> None:
    cloud.vm("vm-1")
    boot = cloud.guest("vm-1").boot
    answer = cloud.call("POST", f"{cloud.path('vm-1')}/start")
    cloud.wait(1)
    url = answer.headers.find("Azure-AsyncOperation")
    assert url is not None
    assert cloud.get(url).body["status"] == "Succeeded"
    assert cloud.guest("vm-1").boot == boot


def test_an_operation_url_is_called_verbatim(cloud: Machines) -> None:
    cloud.vm("vm-1")
    url = cloud.call("POST", f"{cloud.path('vm-1')}/deallocate").headers.find("Azure-AsyncOperation")
    assert url is not None
    assert cloud.get(url.partition("&s=")[0]).status == 400


def test_instance_view_of_a_stopped_vm(cloud: Machines) -> None:
    """powerOff keeps the agent Ready for two minutes and its extensions; deallocated drops both."""
    cloud.vm("vm-1")
    cloud.finish(cloud.extension("vm-1", "AMA", GENERIC))
    cloud.do("vm-1", "powerOff")
    path = f"{cloud.path('vm-1')}/instanceView"
    view = cloud.get(path).body
    assert view["vmAgent"]["statuses"][0]["displayStatus"] == "Ready"
    assert view["extensions"][0]["name"] == "AMA"
    cloud.wait(300)
    assert cloud.get(path).body["vmAgent"]["statuses"][0]["message"] == "VM Agent is unresponsive."
    cloud.do("vm-1", "deallocate")
    view = cloud.get(path).body
    assert not {"vmAgent", "extensions", "computerName", "osName"} & set(view)


def test_the_agent_reads_ready_before_the_guest_is_up(cloud: Machines) -> None:
    cloud.vm("vm-1")
    cloud.do("vm-1", "deallocate")
    cloud.do("vm-1", "start")
    view = cloud.get(f"{cloud.path('vm-1')}?$expand=instanceView").body["properties"]["instanceView"]
    assert view["vmAgent"]["statuses"][0]["displayStatus"] == "Ready"
    assert not cloud.guest("vm-1").agent_ready


def test_generalize(cloud: Machines) -> None:
    cloud.vm("vm-1")
    path = f"{cloud.path('vm-1')}/generalize"
    running = cloud.call("POST", path)
    assert (running.status, message(running)) == (
        409,
        "Operation 'generalize' is not allowed on VM 'vm-1' since the VM is running.",
    )
    cloud.do("vm-1", "deallocate")
    assert cloud.call("POST", path).status == 200
    codes = [s["code"] for s in cloud.get(f"{cloud.path('vm-1')}/instanceView").body["statuses"]]
    assert codes[0] == "OSState/generalized"
    refused = cloud.call("POST", f"{cloud.path('vm-1')}/start")
    assert (refused.status, code(refused)) == (409, "OperationNotAllowed")


def test_restart_boots_anew_and_needs_a_running_vm(cloud: Machines) -> None:
    cloud.vm("vm-1")
    boot = cloud.guest("vm-1").boot
    cloud.do("vm-1", "restart")
    cloud.wait(200)
    assert cloud.guest("vm-1").boot > boot
    assert cloud.guest("vm-1").agent_ready
    cloud.do("vm-1", "deallocate")
    assert cloud.call("POST", f"{cloud.path('vm-1')}/restart").status == 409


def test_boot_diagnostics_have_to_be_enabled(cloud: Machines) -> None:
    cloud.vm("vm-1")
    path = f"{cloud.path('vm-1')}/retrieveBootDiagnosticsData"
    assert cloud.call("POST", path).status == 409
    enabled = {"properties": {"diagnosticsProfile": {"bootDiagnostics": {"enabled": True}}}}
    cloud.finish(cloud.call("PATCH", cloud.path("vm-1"), enabled))
    assert set(cloud.call("POST", path).body) == {"consoleScreenshotBlobUri", "serialConsoleLogBlobUri"}


@pytest.mark.parametrize("code_", ["AllocationFailed", "OverconstrainedAllocationRequest"])
def test_a_start_that_a_fault_rule_fails(cloud: Machines, code_: str) -> None:
    cloud.vm("vm-1")
    cloud.do("vm-1", "deallocate")
    effect = {"type": "operation", "outcome": "fail", "code": code_}
    faults.replace(
        cloud.world, {"rules": [{"id": "f", "method": "POST", "path": "/start", "nth": [1], "effect": effect}]}
    )
    status = cloud.do("vm-1", "start")
    assert (status["status"], status["error"]["code"]) == ("Failed", code_)
    assert cloud.power("vm-1") == "PowerState/deallocated"
    assert cloud.do("vm-1", "start")["status"] == "Succeeded"


def test_a_hanging_operation_ends_by_a_newer_write(cloud: Machines) -> None:
    cloud.vm("vm-1")
    effect = {"type": "operation", "outcome": "hang"}
    rule = {"id": "f", "method": "POST", "path": "/deallocate", "nth": [1], "effect": effect}
    faults.replace(cloud.world, {"rules": [rule]})
    hanging = cloud.call("POST", f"{cloud.path('vm-1')}/deallocate")
    url = hanging.headers.find("Azure-AsyncOperation")
    assert url is not None
    cloud.wait(86400)
    assert cloud.get(url).body["status"] == "InProgress"
    assert cloud.do("vm-1", "deallocate")["status"] == "Succeeded"
    assert cloud.get(url).body["status"] == "Canceled"


# -- replay


def test_extensions_run_again_on_a_disk_that_has_not_seen_them_and_hold_the_start(cloud: Machines) -> None:
    cloud.vm("vm-1")
    cloud.finish(cloud.extension("vm-1", "AMA", GENERIC))
    cloud.do("vm-1", "deallocate")
    cloud.finish(cloud.swap("vm-1", cloud.spare_disk("vm-1")))
    start = cloud.call("POST", f"{cloud.path('vm-1')}/start")
    cloud.wait(60)
    url = start.headers.find("Azure-AsyncOperation")
    assert url is not None
    assert cloud.get(url).body["status"] == "InProgress"
    assert cloud.power("vm-1") == "PowerState/running"
    assert cloud.finish(start)["status"] == "Succeeded"
    cloud.do("vm-1", "deallocate")
    again = cloud.call("POST", f"{cloud.path('vm-1')}/start")
    cloud.wait(30)
    assert cloud.finish(again)["endTime"] <= cloud.world.iso(), "nothing is new to the disk: the start is not held"
    assert cloud.world.resources[cloud.path("vm-1").lower()].hidden.get("held_start") is None


def test_a_write_of_an_extension_ends_the_wait_of_a_held_start_and_leaves_the_vm_at_rest(cloud: Machines) -> None:
    cloud.vm("vm-1")
    cloud.finish(cloud.extension("vm-1", "AMA", GENERIC))
    cloud.do("vm-1", "deallocate")
    cloud.finish(cloud.swap("vm-1", cloud.spare_disk("vm-1")))
    start = cloud.call("POST", f"{cloud.path('vm-1')}/start")
    cloud.wait(60)
    joining = cloud.extension("vm-1", "join", JOIN)
    url = start.headers.find("Azure-AsyncOperation")
    assert url is not None and cloud.get(url).body["error"]["code"] == "OperationPreempted"
    cloud.finish(joining)
    assert cloud.get(cloud.path("vm-1")).body["properties"]["provisioningState"] == "Succeeded"


def test_a_join_that_replays_with_a_stale_password_fails_the_start(cloud: Machines) -> None:
    from emulator import computers

    cloud.vm("vm-1")
    cloud.finish(cloud.extension("vm-1", "join", JOIN))
    cloud.do("vm-1", "deallocate")
    cloud.finish(cloud.swap("vm-1", cloud.spare_disk("vm-1")))
    computers.set_join_account(cloud.world, "joiner@contoso.com", "changed")
    status = cloud.do("vm-1", "start")
    assert (status["status"], status["error"]["code"]) == ("Failed", "VMExtensionProvisioningError")
    assert "1326" in status["error"]["message"]
    assert cloud.guest("vm-1").booted
    assert not cloud.guest("vm-1").joined


def test_a_start_is_held_for_ninety_minutes_by_a_guest_that_stays_down(cloud: Machines) -> None:
    cloud.vm("vm-1")
    cloud.finish(cloud.extension("vm-1", "AMA", GENERIC))
    cloud.do("vm-1", "deallocate")
    cloud.finish(cloud.swap("vm-1", cloud.spare_disk("vm-1")))
    faults.replace(cloud.world, {"rules": [{"id": "f", "effect": {"type": "guest", "fault": "never_boots"}}]})
    start = cloud.call("POST", f"{cloud.path('vm-1')}/start")
    url = start.headers.find("Azure-AsyncOperation")
    assert url is not None
    cloud.wait(89 * 60)
    assert cloud.get(url).body["status"] == "InProgress"
    cloud.wait(2 * 60)
    assert cloud.get(url).body["error"]["code"] == "VMExtensionProvisioningTimeout"
