"""What comes next in a boot test: a machine made of the version must be set up, report its agent, have no AVD agent and
pass the declared script. Meanwhile the version is replicated to its other regions; offered it is only if it passes."""

from __future__ import annotations

from dataclasses import replace

from capture import bodies
from capture.names import BOOT_TEST
from capture.record import CaptureRecord
from capture.steps import (
    CreateTestNic,
    CreateTestVm,
    DeleteTestDisk,
    DeleteTestNic,
    DeleteTestVm,
    Enter,
    ExamineTestVm,
    Fail,
    Goal,
    JudgeVersion,
    ReplicateVersion,
    Resource,
    RunTest,
    Step,
    View,
    Wait,
)
from rollout.arm import Vm, dig
from rollout.images import normal_location
from rollout.values import MINUTE

NO_CAPACITY = ("AllocationFailed", "ZonalAllocationFailed", "OverconstrainedAllocationRequest", "QuotaExceeded")
"""No fault of the image."""
PASSED = "passed"
FAILED = "failed"


def verdict(version: Resource | None) -> str:
    """What a version's tag says of its boot test; empty where there was none."""
    return version.tags.get(BOOT_TEST, "") if version is not None else ""


def next_step(view: View, goal: Goal, record: CaptureRecord) -> Step:
    """TEST: examine, judge, remove the machine. The version's own writes, which take minutes, go on beside it."""
    version = view.version
    if version is None:
        return Fail("the version has vanished")
    if version.failed:
        return Fail(f"version {version.name} could not be replicated: {view.memory.refused or version.state}")
    if goal.declaration.boot_test is None:
        return removal(view) or Enter(None)  # the declaration has lost it meanwhile
    if not in_all_regions(version, goal) and version.ready and not view.memory.replicating:
        return ReplicateVersion()
    if not record.x:
        return _examined(view, goal, record)
    replicated = version.ready and in_all_regions(version, goal)
    if replicated and not verdict(version):
        return JudgeVersion(record.x)
    removing = removal(view)
    if removing is not None:
        return removing
    return Enter(None) if replicated else Wait(f"version {version.name} to be replicated", 30.0)


def _examined(view: View, goal: Goal, record: CaptureRecord) -> Step:
    """The next step to a verdict, which is kept in the record."""
    machine, memory, test = view.test_vm, view.memory, goal.declaration.boot_test
    assert test is not None
    if any(memory.refused.startswith(code) for code in NO_CAPACITY):
        return Fail(f"no machine for the boot test, which the next run begins again: {memory.refused}")
    if memory.verdict:
        return Enter(replace(record, x=memory.verdict))
    if machine is None:
        if memory.refused:
            return Enter(replace(record, x=f"{FAILED}, no machine could be made of it: {memory.refused}"))
        if view.test_disk is not None and view.test_disk.managed_by is None:
            return DeleteTestDisk()  # a machine of it has been deleted
        return CreateTestNic() if view.test_nic is None else CreateTestVm()
    if machine.provisioning_state == "Failed":  # whatever its power state then says
        why = memory.refused or "its provisioning failed"
        return Enter(replace(record, x=f"{FAILED}, it was not set up: {why}"))
    if machine.busy:
        return Wait(f"the machine of the boot test is {machine.provisioning_state.lower() or machine.power}")
    since = memory.test_since
    if since is not None and view.now - since > test.limit and not memory.set_up:
        return Enter(
            replace(record, x=f"{FAILED}, not ready within {test.limit / MINUTE:.0f} minutes: {_state(machine)}")
        )
    if not machine.running:
        return Enter(replace(record, x=f"{FAILED}, its machine is {machine.power or 'off'}"))
    if not machine.agent_ready:
        return Wait("the VM agent of the boot test's machine")
    if not memory.set_up:
        return ExamineTestVm()
    return RunTest() if test.script else Enter(replace(record, x=PASSED))


def _state(machine: Vm) -> str:
    return "Windows set-up did not complete" if machine.agent_ready else "its VM agent does not answer"


def removal(view: View) -> Step | None:
    """The next step to a boot test of which nothing is left; None once it is so."""
    if view.test_vm is not None:
        return DeleteTestVm()
    if view.test_disk is not None:
        return DeleteTestDisk()
    return DeleteTestNic() if view.test_nic is not None else None


def in_all_regions(version: Resource, goal: Goal) -> bool:
    """Whether the version goes to all declared regions."""
    has = dig(version.properties, "publishingProfile", "targetRegions") or ()
    wanted = {region["name"] for region in bodies.publishing(goal)["targetRegions"]}
    return wanted <= {normal_location(str(region["name"])) for region in has}
