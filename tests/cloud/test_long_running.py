"""Waiting for operations: the patterns of the recordings, played by a script on virtual time."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from azure.core.rest import HttpRequest

from cloud.azure_cloud import AzureCloud, open_cloud
from cloud.endpoints import PUBLIC
from cloud.throttling import Throttle
from rollout.errors import OperationFailed
from simulation.virtual_time import EPOCH, LoopClock
from tests.support.wire import Answer, AnyToken, Scripted, allow

GROUP = "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/avd"
VM_ID = f"{GROUP}/providers/Microsoft.Compute/virtualMachines/vm-0"
NIC_ID = f"{GROUP}/providers/Microsoft.Network/networkInterfaces/nic"
STATUS = "https://management.azure.com/subscriptions/s/providers/Microsoft.Compute/locations/westeurope/operations/o"
SIGNED = f"{STATUS}?p=g&api-version=2024-07-01&t=1&c=MII%2Fx&s=sig%2Bn&h=hash"
MONITOR = f"{STATUS}?p=g&monitor=true&api-version=2024-07-01"

pytestmark = pytest.mark.looptime


class Arm:
    """Answers a VM and one operation on it. `statuses` are the answers of the status URL, the last one for ever."""

    def __init__(self, first: Answer, *statuses: Answer, resource: Answer | list[Answer] | None = None) -> None:
        self.first, self.statuses = first, list(statuses)
        resources = resource if isinstance(resource, list) else [resource or (200, vm("Succeeded"))]
        self.resources = resources
        self.wire = Scripted(self.answer)

    def answer(self, request: HttpRequest) -> Answer:
        if request.method != "GET":
            return self.first
        answers = self.statuses if request.url in (SIGNED, MONITOR) else self.resources
        return answers.pop(0) if len(answers) > 1 else answers[0]

    def polls(self) -> int:
        return sum(request.url in (SIGNED, MONITOR) for request in self.wire.sent)


def vm(state: str, **more: Any) -> dict[str, Any]:
    return {"id": VM_ID, "name": "vm-0", "properties": {"provisioningState": state, **more}}


def status(state: str, **more: Any) -> Answer:
    return 200, {"startTime": "2026-01-12T20:00:00Z", "status": state, **more}


@asynccontextmanager
async def cloud_on(arm: Arm) -> AsyncIterator[AzureCloud]:
    clock = LoopClock()
    async with open_cloud(
        {}, "s", clock, allow, transport=arm.wire, credential=AnyToken(), endpoints=PUBLIC, throttle=Throttle(clock)
    ) as cloud:
        yield cloud


def elapsed() -> float:
    return LoopClock().now() - EPOCH


async def test_an_update_is_followed_by_its_status() -> None:
    arm = Arm(
        (200, vm("Updating"), {"Azure-AsyncOperation": SIGNED, "Retry-After": "10"}),
        status("InProgress"),
        status("Succeeded"),
    )
    async with cloud_on(arm) as cloud:
        await cloud.update_vm(VM_ID, {"tags": {"a": "b"}}, etag='"3"')
    write, *polls = arm.wire.sent
    assert [poll.url for poll in polls] == [SIGNED, SIGNED]  # and nobody reads what was written but who wants to know
    assert write.method == "PATCH"
    assert write.headers["If-Match"] == '"3"'
    assert json.loads(write.content) == {"tags": {"a": "b"}}
    assert arm.polls() == 2  # the signed URL, to the letter
    assert elapsed() == pytest.approx(15, abs=0.01)  # 10 as asked, then 5 of our own


async def test_the_first_poll_waits_as_the_answer_asks_and_later_ones_as_the_status_asks() -> None:
    arm = Arm(
        (202, None, {"Azure-AsyncOperation": SIGNED, "Location": MONITOR, "Retry-After": "10"}),
        (200, {"status": "InProgress"}, {"Retry-After": "36"}),
        status("Succeeded"),
    )
    async with cloud_on(arm) as cloud:
        await cloud.deallocate_vm(VM_ID)
    assert elapsed() == pytest.approx(46, abs=0.01)
    assert [request.method for request in arm.wire.sent] == ["POST", "GET", "GET"]  # no read after an action


async def test_compressed_time_says_how_long_in_milliseconds() -> None:
    arm = Arm((202, None, {"Azure-AsyncOperation": SIGNED, "retry-after-ms": "250"}), status("Succeeded"))
    async with cloud_on(arm) as cloud:
        await cloud.start_vm(VM_ID)
    assert elapsed() == pytest.approx(0.25, abs=0.01)


async def test_without_advice_polls_get_rarer() -> None:
    arm = Arm((202, None, {"Azure-AsyncOperation": SIGNED}), *[status("InProgress")] * 30, status("Succeeded"))
    async with cloud_on(arm) as cloud:
        await cloud.start_vm(VM_ID)
    assert arm.polls() == 31
    assert 300 < elapsed() < 31 * 30


@pytest.mark.parametrize(
    ("state", "code"),
    [("Failed", "AllocationFailed"), ("Failed", "VMExtensionProvisioningError"), ("Canceled", "OperationPreempted")],
)
async def test_a_failed_operation_tells_its_code(state: str, code: str) -> None:
    arm = Arm(
        (202, None, {"Azure-AsyncOperation": SIGNED}), status(state, error={"code": code, "message": "because of it"})
    )
    async with cloud_on(arm) as cloud:
        with pytest.raises(OperationFailed, match="because of it") as caught:
            await cloud.start_vm(VM_ID)
    assert caught.value.code == code
    assert caught.value.operation == "POST virtualMachines/vm-0/start"


async def test_trouble_with_the_status_is_no_trouble_of_the_operation() -> None:
    trouble: list[Answer] = [(429, None, {"Retry-After": "7"}), *[(503, None)] * 25, (500, None), (504, "<html>")]
    arm = Arm((202, None, {"Azure-AsyncOperation": SIGNED}), *trouble, status("Succeeded"))
    async with cloud_on(arm) as cloud:
        await cloud.start_vm(VM_ID)
    assert arm.polls() == len(trouble) + 1


@pytest.mark.parametrize("lost", [404, 410, 403, 400])
async def test_a_lost_status_is_replaced_by_reading_the_resource(lost: int) -> None:
    arm = Arm(
        (200, vm("Updating"), {"Azure-AsyncOperation": SIGNED}),
        (lost, None),
        resource=[(200, vm("Updating")), (200, vm("Updating")), (200, vm("Succeeded"))],
    )
    async with cloud_on(arm) as cloud:
        await cloud.update_vm(VM_ID, {}, etag="*")
    assert len(arm.wire.sent) == 5
    assert arm.wire.sent[0].headers["If-Match"] == "*"


async def test_an_action_with_a_lost_status_is_read_from_the_vm_it_acts_on() -> None:
    arm = Arm(
        (202, None, {"Azure-AsyncOperation": SIGNED}),
        (404, None),
        resource=[(200, vm("Updating")), (200, vm("Failed"))],
    )
    async with cloud_on(arm) as cloud:
        with pytest.raises(OperationFailed):
            await cloud.start_vm(VM_ID)
    assert {call for call in arm.wire.calls() if "operations" not in call} == {
        f"POST {VM_ID[1:]}/start",
        f"GET {VM_ID[1:]}",
    }


async def test_a_failure_read_from_the_resource_has_the_code_of_its_instance_view() -> None:
    view = {"statuses": [{"code": "ProvisioningState/failed/OSProvisioningTimedOut", "message": "timed out"}]}
    arm = Arm(
        (201, vm("Creating"), {"Azure-AsyncOperation": SIGNED}),
        (404, None),
        resource=(200, vm("Failed", instanceView=view)),
    )
    async with cloud_on(arm) as cloud:
        with pytest.raises(OperationFailed) as caught:
            await cloud.create_vm(VM_ID, {"location": "westeurope"})
    assert (caught.value.code, caught.value.message) == ("OSProvisioningTimedOut", "timed out")
    assert arm.wire.sent[0].headers["If-None-Match"] == "*"


async def test_a_delete_with_a_lost_status_has_ended_when_the_resource_is_gone() -> None:
    arm = Arm(
        (202, None, {"Azure-AsyncOperation": SIGNED}),
        (404, None),
        resource=[(200, vm("Deleting")), (404, {"error": {"code": "NotFound"}})],
    )
    async with cloud_on(arm) as cloud:
        await cloud.delete_vm(VM_ID)
    assert arm.wire.calls()[-1] == f"GET {VM_ID[1:]}"


async def test_a_delete_that_did_not_happen_is_told() -> None:
    arm = Arm((202, None, {"Azure-AsyncOperation": SIGNED}), (404, None), resource=(200, vm("Succeeded")))
    async with cloud_on(arm) as cloud:
        with pytest.raises(OperationFailed, match="still there"):
            await cloud.delete_vm(VM_ID)


async def test_what_is_not_there_need_not_be_deleted() -> None:
    for answer in ((204, None), (404, {"error": {"code": "ResourceGroupNotFound"}})):
        arm = Arm(answer)
        async with cloud_on(arm) as cloud:
            await cloud.delete_vm(VM_ID)
        assert len(arm.wire.sent) == 1


async def test_a_delete_with_location_only_is_followed_there() -> None:
    arm = Arm((202, None, {"Location": MONITOR}), (202, None, {"Location": MONITOR}), (204, None))
    async with cloud_on(arm) as cloud:
        await cloud.delete_nic(NIC_ID)
    assert arm.polls() == 2


async def test_a_network_interface_is_ready_with_its_answer() -> None:
    arm = Arm((201, {"id": NIC_ID, "properties": {"provisioningState": "Succeeded"}}, {"Azure-AsyncOperation": SIGNED}))
    async with cloud_on(arm) as cloud:
        await cloud.create_nic(NIC_ID, {"location": "westeurope"})
    assert len(arm.wire.sent) == 1
    assert elapsed() == 0


async def test_a_command_returns_what_it_wrote() -> None:
    output = {
        "value": [
            {"code": "ComponentStatus/StdOut/succeeded", "message": "joined"},
            {"code": "ComponentStatus/StdErr/succeeded", "message": "a warning"},
        ]
    }
    arm = Arm(
        (202, None, {"Azure-AsyncOperation": SIGNED, "Location": MONITOR}),
        status("Succeeded", properties={"output": output}),
    )
    async with cloud_on(arm) as cloud:
        assert await cloud.run_command(VM_ID, ["echo"]) == "joined\n--- stderr\na warning"
    assert json.loads(arm.wire.sent[0].content) == {
        "commandId": "RunPowerShellScript",
        "script": ["echo"],
    }


async def test_a_disk_update_waits_for_its_end() -> None:
    disk = f"{GROUP}/providers/Microsoft.Compute/disks/d"
    arm = Arm(
        (202, {"properties": {"provisioningState": "Updating"}}, {"Azure-AsyncOperation": SIGNED, "Location": MONITOR}),
        status("InProgress"),
        status("Succeeded", properties={"output": {"name": "d"}}),
    )
    async with cloud_on(arm) as cloud:
        await cloud.update_disk(disk, {"tags": {"a": "b"}})
    assert arm.polls() == 2


async def test_what_operations_of_a_kind_took_says_when_to_ask() -> None:
    took = (200, {"status": "Succeeded", "startTime": "2026-01-12T20:00:00Z", "endTime": "2026-01-12T20:01:50Z"})
    arm = Arm((202, None, {"Azure-AsyncOperation": SIGNED, "Retry-After": "10"}), *[status("InProgress")] * 3, took)
    async with cloud_on(arm) as cloud:
        for _ in range(3):
            await cloud.delete_extension(VM_ID, "script")
        known, at = arm.polls(), elapsed()
        await cloud.delete_extension(VM_ID, "script")
        assert (arm.polls() - known, elapsed() - at) == (1, pytest.approx(110.5, abs=0.01))
        await cloud.delete_extension(VM_ID, "other")  # another kind: as asked
        assert elapsed() - at == pytest.approx(120.5, abs=0.01)
