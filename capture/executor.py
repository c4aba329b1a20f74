"""Performs the steps of a capture: one remote write each, told when it is done."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace

from capture import bodies, names, scripts
from capture.azure import CaptureAzure
from capture.errors import StepFailed
from capture.look import Places
from capture.steps import (
    AskGuest,
    CollectLog,
    CreateClone,
    CreateCloneDisk,
    CreateCloneNic,
    CreateRestoredDisk,
    CreateTestNic,
    CreateTestVm,
    CreateVersion,
    DeallocateClone,
    DeallocateVm,
    DeleteClone,
    DeleteCloneDisk,
    DeleteCloneNic,
    DeleteSnapshot,
    DeleteTestDisk,
    DeleteTestNic,
    DeleteTestVm,
    DeleteVersion,
    Enter,
    ExamineTestVm,
    GeneralizeClone,
    Goal,
    JudgeVersion,
    MarkReplacedDisk,
    Memory,
    PowerOffVm,
    RemoveAccounts,
    RemoveRunCommands,
    ReplicateVersion,
    Resource,
    RestartClone,
    RunTest,
    RunUpdate,
    StartSysprep,
    StartVm,
    Step,
    TakeSnapshot,
    View,
)
from rollout import guest
from rollout.arm import ArmResource, Disk, Vm, name_of
from rollout.azure import Body
from rollout.cleanup import delete_nic
from rollout.clock import Clock
from rollout.errors import AzureError, ImageFault, OperationFailed
from rollout.events import Event, Kind, Listener
from rollout.images import tag_value
from rollout.values import MINUTE

STEP_PATIENCE = 150 * MINUTE
"""Seconds one step may take: a script of 90 minutes, or the replication of a version to far regions (23 minutes in the
slowest public recording)."""
SENT_WITHIN = 2.0
"""Seconds in which a change of the version is sent, and mostly refused where it is."""
SAID = 10
"""Lines of a script's output that an error carries."""


@dataclass(frozen=True)
class Ran:
    """An update script that ran."""

    name: str
    exit_code: int
    seconds: float
    output: str
    """The last 4 KB of standard output and, after a line `--- stderr`, of standard error, without secrets."""


class Executor:
    """Performs the steps of one run. `ran`: the update scripts so far."""

    def __init__(
        self, azure: CaptureAzure, goal: Goal, clock: Clock, tell: Listener, password: Callable[[], str]
    ) -> None:
        self._azure, self._goal, self._clock, self._tell = azure, goal, clock, tell
        self._password = password
        """Makes one for the machine of a boot test, which nobody needs to know."""
        self._changing: asyncio.Task[None] | None = None
        self.ran: list[Ran] = []

    async def perform(self, step: Step, view: View) -> Memory:
        """Do one step; returns what is remembered from now on. Raises StepFailed, AzureError."""
        began = self._clock.now()
        try:
            async with asyncio.timeout(self._clock.real_seconds(STEP_PATIENCE)):
                memory, did = await self._do(step, view)
        except TimeoutError:
            raise StepFailed(f"{type(step).__name__}: not ended after {STEP_PATIENCE / MINUTE:.0f} minutes") from None
        if did:
            seconds = round(self._clock.now() - began, 1)
            self._tell(Event(self._clock.now(), Kind.ACTION, view.vm.name, did, {"seconds": seconds}))
        return memory

    async def _do(self, step: Step, view: View) -> tuple[Memory, str]:
        azure, vm, memory = self._azure, view.vm, view.memory
        match step:
            case Enter():
                await self._enter(step, view)
                return memory, f"attached disk {name_of(step.attach)}" if step.attach else ""
            case TakeSnapshot():
                places = self._places(view)
                snapshot_id = places.before if step.which == "before" else places.after
                await azure.create_snapshot(snapshot_id, bodies.snapshot(self._goal, view, step.which))
                return memory, f"took snapshot {name_of(snapshot_id)}"
            case DeleteSnapshot():
                _require_ours(step.snapshot, vm)
                await azure.delete_snapshot(step.snapshot.id)
                return memory, f"deleted snapshot {step.snapshot.name}, which had failed"
            case StartVm():
                await azure.start_vm(vm.id)
                return replace(memory, silent_since=None), "started the golden VM"
            case PowerOffVm():
                await azure.power_off_vm(vm.id)
                return memory, "shut the golden VM down"
            case DeallocateVm():
                await azure.deallocate_vm(vm.id)
                return memory, "deallocated the golden VM"
            case RunUpdate():
                return await self._update(step, view)
            case RemoveRunCommands():
                for name in view.scripts:
                    await azure.delete_run_command(vm.id, name)
                return memory, "removed a script that was left on the golden VM"
            case CreateRestoredDisk():
                assert view.before is not None
                await azure.create_disk(self._places(view).restored, await self._copy(view, view.before.id))
                return memory, "made a disk from the snapshot before the updates"
            case MarkReplacedDisk():
                return replace(memory, marked=True), await self._mark(view)
            case _:
                return await self._do_to_clone(step, view)

    async def _do_to_clone(self, step: Step, view: View) -> tuple[Memory, str]:
        azure, memory, clone = self._azure, view.memory, view.clone
        match step:
            case CreateCloneDisk():
                assert view.after is not None
                await azure.create_disk(self._places(view).disk, await self._copy(view, view.after.id))
                return replace(memory, clone_since=None), f"copied the disk from {view.after.name}"
            case CreateCloneNic():
                return memory, await self._create_nic(view)
            case CreateClone():
                return await self._create_clone(view)
            case AskGuest():
                assert clone is not None
                state = scripts.guest_state(await azure.run_command(clone.id, scripts.STATE))
                return replace(memory, guest=state), ""
            case RestartClone():
                assert clone is not None
                await azure.restart_vm(clone.id)
                changed = replace(memory, guest=None, restarts=memory.restarts + 1, silent_since=None)
                return changed, "restarted the clone: Windows waited for it"
            case RemoveAccounts():
                assert clone is not None and memory.guest is not None
                output = await azure.run_command(clone.id, (*scripts.REMOVE_ACCOUNTS, *scripts.STATE))
                did = f"removed local accounts: {', '.join(memory.guest.accounts)}"
                state, said = scripts.guest_state(output), scripts.errors(output)
                return replace(memory, guest=state, removed=True, said=said if state.accounts else ()), did
            case StartSysprep():
                assert clone is not None
                await azure.run_command(clone.id, scripts.BEGIN_SYSPREP)
                return replace(memory, guest=None), "started sysprep on the clone"
            case CollectLog():
                assert clone is not None
                return replace(memory, said=await self._log_of(clone)), ""
            case DeallocateClone():
                assert clone is not None
                await azure.deallocate_vm(clone.id)
                return memory, "deallocated the clone"
            case GeneralizeClone():
                assert clone is not None
                await azure.generalize_vm(clone.id)
                return memory, "marked the clone as generalized"
            case CreateVersion():
                return await self._create_version(view)
            case ReplicateVersion():
                await self._begin_update({"properties": {"publishingProfile": bodies.replicated(self._goal)}})
                return replace(memory, replicating=True), "began to replicate the version"
            case JudgeVersion():
                return memory, await self._judge(step, view)
            case CreateTestNic():
                golden = await self._golden_nic(view)
                await azure.create_nic(self._places(view).test_nic, bodies.nic(self._goal, view, golden))
                return memory, "made the interface of the boot test"
            case CreateTestVm():
                return await self._create_test_vm(view)
            case ExamineTestVm():
                return await self._examine(view)
            case RunTest():
                return await self._run_test(view)
            case _:
                return memory, await self._delete(step, view)

    async def _delete(self, step: Step, view: View) -> str:
        match step:
            case DeleteClone():
                return await self._delete_vm(view.clone, view.vm, "the clone")
            case DeleteCloneDisk():
                return await self._delete_disk(view.disk, view.vm, "the clone's disk")
            case DeleteCloneNic():
                return await self._delete_nic(view.nic, view.vm, "the clone's interface")
            case DeleteTestVm():
                return await self._delete_vm(view.test_vm, view.vm, "the machine of the boot test")
            case DeleteTestDisk():
                return await self._delete_disk(view.test_disk, view.vm, "the disk of the boot test")
            case DeleteTestNic():
                return await self._delete_nic(view.test_nic, view.vm, "the interface of the boot test")
            case DeleteVersion():
                await self._azure.delete_image_version(step.version.id)
                return "deleted the version, which was not finished"
            case _:
                raise AssertionError(f"no way to perform {step}")

    # What the capture has made, and nothing else: each deletion needs our tags.

    async def _delete_vm(self, made: Vm | None, golden: Vm, what: str) -> str:
        assert made is not None
        _require_ours(made, golden)
        await self._azure.delete_vm(made.id)
        return f"deleted {what}"

    async def _delete_disk(self, made: Disk | None, golden: Vm, what: str) -> str:
        assert made is not None
        _require_ours(made, golden)
        if made.managed_by is not None:
            raise StepFailed(f"disk {made.name} is attached to {name_of(made.managed_by)}")
        await self._azure.delete_disk(made.id)
        return f"deleted {what}"

    async def _delete_nic(self, made: Body | None, golden: Vm, what: str) -> str:
        assert made is not None
        _require_ours(Resource(made), golden)
        await delete_nic(self._azure, self._clock, str(made["id"]))
        return f"deleted {what}"

    # -- the golden VM

    def _places(self, view: View) -> Places:
        assert view.record is not None
        return Places(self._goal.declaration, view.vm, view.record)

    async def _enter(self, step: Enter, view: View) -> None:
        vm, record = view.vm, step.record
        tags = {name: value for name, value in vm.tags.items() if not name.startswith(names.OURS)}
        if record is not None:
            fresh = view.record is None
            tags[names.RECORD] = record.encode()
            tags[names.CLONE] = Places(self._goal.declaration, vm, record).clone
            version = tag_value(self._goal.declaration.version_id)
            tags[names.VERSION] = version if fresh else vm.tags.get(names.VERSION, version)
        patch: Body = {"tags": tags}
        if step.attach:
            # Name and id together, as in a rollout's swap: changing only the id does nothing or fails.
            patch["properties"] = {
                "storageProfile": {
                    "osDisk": {
                        "name": name_of(step.attach),
                        "createOption": vm.os_disk.get("createOption", "FromImage"),
                        "managedDisk": {"id": step.attach},
                    }
                }
            }
        await self._azure.update_vm(vm.id, patch, etag=vm.etag)
        if record is None or view.record is None or record.p is not view.record.p:
            phase = {"phase": record.p if record is not None else "", "from": view.record.p if view.record else ""}
            self._tell(Event(self._clock.now(), Kind.PHASE, vm.name, "", phase))

    async def _update(self, step: RunUpdate, view: View) -> tuple[Memory, str]:
        update, azure, vm = self._goal.declaration.updates[step.number], self._azure, view.vm
        secrets = {name: await azure.get_secret(uri) for name, uri in update.secrets}
        began = self._clock.now()
        seen = await azure.run_script(vm.id, names.UPDATE_COMMAND, update.script, secrets, limit=update.limit)
        ran = Ran(
            update.name, int(seen.get("exitCode") or 0), round(self._clock.now() - began, 1), _output(seen, secrets)
        )
        self.ran.append(ran)
        state = str(seen.get("executionState") or "")
        data = {"update": ran.name, "exit_code": ran.exit_code, "seconds": ran.seconds, "output": ran.output}
        self._tell(Event(self._clock.now(), Kind.ACTION, vm.name, f"update {ran.name} {state.lower()}", data))
        lines = _last_lines(ran.output)
        if state == "TimedOut":
            raise StepFailed(f"update {ran.name} did not end within {update.limit / MINUTE:.0f} minutes", lines)
        if ran.exit_code or state in ("Failed", "Canceled"):
            raise StepFailed(f"update {ran.name} ended with exit code {ran.exit_code}", lines)
        if update.restart:
            await azure.restart_vm(vm.id)
        return replace(view.memory, ran=step.number + 1, silent_since=None), ""

    async def _copy(self, view: View, snapshot_id: str) -> Body:
        body = await self._azure.get_disk(view.vm.os_disk_id)
        if body is None:
            raise StepFailed(f"the golden VM's disk {view.vm.os_disk_name} does not exist")
        return bodies.disk(self._goal, view, snapshot_id, Disk(body))

    async def _mark(self, view: View) -> str:
        assert view.record is not None
        body = await self._azure.get_disk(view.vm.os_disk_id)
        if body is not None:
            own = {**bodies.tags(self._goal, view.vm, view.record), names.BACKUP: "replaced"}
            await self._azure.update_disk(view.vm.os_disk_id, {"tags": {**(body.get("tags") or {}), **own}})
        return f"marked disk {view.vm.os_disk_name}, which is kept"

    # -- the clone and the version

    async def _create_nic(self, view: View) -> str:
        golden = await self._golden_nic(view)
        await self._azure.create_nic(self._places(view).nic, bodies.nic(self._goal, view, golden))
        return "made the clone's interface"

    async def _golden_nic(self, view: View) -> Body:
        golden = await self._azure.get_nic(view.vm.nic_ids[0])
        if golden is None:
            raise StepFailed(f"the golden VM's interface {name_of(view.vm.nic_ids[0])} does not exist")
        return golden

    async def _create_clone(self, view: View) -> tuple[Memory, str]:
        places = self._places(view)
        body = bodies.clone(self._goal, view, places.disk, places.nic)
        refused = await _refusal(self._azure.create_vm(places.clone, body))
        memory = replace(
            view.memory, refused=refused, guest=None, removed=False, restarts=0, silent_since=None, said=()
        )
        return memory, "" if refused else "made the clone"

    async def _create_version(self, view: View) -> tuple[Memory, str]:
        source = view.clone if view.clone is not None else view.after
        assert source is not None
        declared = self._goal.declaration
        refused = await _refusal(
            self._azure.create_image_version(declared.version_id, bodies.version(self._goal, view, source.id))
        )
        return replace(view.memory, refused=refused), "" if refused else f"made version {declared.version}"

    async def _log_of(self, clone: Vm) -> tuple[str, ...]:
        try:
            output = await self._azure.run_command(clone.id, scripts.ERRORS)
        except AzureError as error:
            return (f"setupact.log could not be read: {error.code}",)
        lines = tuple(line.strip() for line in output.partition("--- stderr")[0].splitlines() if line.strip())
        return tuple(f"setupact.log: {line}" for line in lines) or ("setupact.log: no line with an error",)

    # -- the boot test

    async def _begin_update(self, patch: Body) -> None:
        """Begin to change the version, and go on: it takes minutes, and what came of it is seen of the version. Once it
        is sent, so that what follows is not sent before it."""
        version_id = self._goal.declaration.version_id
        task = self._changing = asyncio.create_task(self._azure.update_image_version(version_id, patch))
        task.add_done_callback(_heard)
        await asyncio.wait({task}, timeout=self._clock.real_seconds(SENT_WITHIN))

    def hear(self) -> None:
        """Raise StepFailed where a change of the version that this run has begun has failed meanwhile."""
        task = self._changing
        if task is not None and task.done() and not task.cancelled() and task.exception() is not None:
            self._changing = None
            raise StepFailed(f"the version could not be replicated: {task.exception()}")

    async def close(self) -> None:
        """End what still waits for the version; its change goes on in Azure."""
        if self._changing is not None:
            self._changing.cancel()
            await asyncio.gather(self._changing, return_exceptions=True)

    async def _create_test_vm(self, view: View) -> tuple[Memory, str]:
        places = self._places(view)
        body = bodies.test_vm(self._goal, view, name_of(places.test_disk), places.test_nic, self._password())
        refused = await _refusal(self._azure.create_vm(places.test_vm, body))
        memory = replace(view.memory, refused=refused, set_up=False)
        return memory, "" if refused else "made a machine of the version"

    async def _examine(self, view: View) -> tuple[Memory, str]:
        assert view.test_vm is not None
        try:
            if not await guest.is_set_up(self._azure, view.test_vm):
                await self._clock.sleep(15.0)
                return view.memory, ""
        except ImageFault as fault:
            return replace(view.memory, verdict=f"failed, {fault}"), ""
        return replace(view.memory, set_up=True), "Windows is set up on the machine of the boot test"

    async def _run_test(self, view: View) -> tuple[Memory, str]:
        assert view.test_vm is not None and self._goal.declaration.boot_test is not None
        test = self._goal.declaration.boot_test
        seen = await self._azure.run_script(view.test_vm.id, names.TEST_COMMAND, test.script, {}, limit=test.limit)
        output, state = _output(seen, {}), str(seen.get("executionState") or "")
        code = int(seen.get("exitCode") or 0)
        verdict = "passed"
        if state == "TimedOut":
            verdict = f"failed, its script did not end within {test.limit / MINUTE:.0f} minutes"
        elif code or state in ("Failed", "Canceled"):
            last = next((line.strip() for line in reversed(output.splitlines()) if line.strip()), "")
            verdict = f"failed, its script ended with exit code {code}: {last}"
        data = {"update": "boot test", "exit_code": code, "seconds": 0.0, "output": output}
        self._tell(Event(self._clock.now(), Kind.ACTION, view.vm.name, f"boot test {verdict}", data))
        return replace(view.memory, verdict=verdict, said=_last_lines(output) if verdict != "passed" else ()), ""

    async def _judge(self, step: JudgeVersion, view: View) -> str:
        assert view.version is not None
        passed = step.verdict == "passed"
        profile = bodies.publishing(self._goal) if passed else bodies.replicated(self._goal)
        said = step.verdict.replace("failed, ", "failed: ", 1)
        patch = {
            "tags": {**view.version.tags, names.BOOT_TEST: said[:256]},
            "properties": {"publishingProfile": profile},
        }
        await self._begin_update(patch)
        return "began to offer the version" if passed else "left the version excluded from latest"


def _heard(task: asyncio.Task[None]) -> None:
    """A failure is seen of the version; nobody asks the task."""
    if not task.cancelled():
        task.exception()


async def _refusal(work: Awaitable[None]) -> str:
    """What Azure said where the operation failed for good; nothing where it succeeded."""
    try:
        await work
        return ""
    except OperationFailed as error:
        return f"{error.code}: {error.message}"


def _require_ours(resource: ArmResource, vm: Vm) -> None:
    if resource.tags.get(names.GOLDEN) != tag_value(vm.id) or names.ID not in resource.tags:
        raise StepFailed(f"{resource.name} is not of this capture; it is left alone")


def _last_lines(output: str) -> tuple[str, ...]:
    return tuple(line for line in output.splitlines() if line.strip())[-SAID:]


def _output(view: Body, secrets: Mapping[str, str]) -> str:
    """What a script wrote, without the secrets that it was given."""
    output, error = str(view.get("output") or ""), str(view.get("error") or "")
    text = output + (f"\n--- stderr\n{error}" if error else "")
    for secret in secrets.values():
        if secret:
            text = text.replace(secret, "***")
    return text
