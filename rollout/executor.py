"""Performs steps: the imperative shell of a host's work. One remote write (or look) per step; what it learned that only
this process can know comes back as the host's new `Memory`."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import replace
from functools import partial
from typing import Any

from rollout import guest, join, messages, names, schedule, scripts, temporary_vm
from rollout.arm import SessionHost, UserSession, Vm, name_of
from rollout.azure import Azure, Body
from rollout.clock import Clock, iso
from rollout.declaration import DeviceCleanup, JoinType
from rollout.errors import AllocationFailed, AzureError, Conflict, HostFailed, ImageFault, OperationFailed
from rollout.events import Event, Kind, Listener
from rollout.images import tag_value
from rollout.poll_times import ENOUGH, PollTimes, pause, watch_pause
from rollout.presence import ENDED, FINAL_MESSAGE, LOGGED_OFF
from rollout.record import Phase
from rollout.registration_token import TokenSource
from rollout.steps import (
    CheckBuild,
    CheckContainers,
    CheckGuest,
    CollectEvidence,
    CreateTemporaryNic,
    CreateTemporaryVm,
    Deallocate,
    DeallocateTemporaryVm,
    DeleteDisk,
    DeleteSessionHost,
    DeleteTemporaryNic,
    DeleteTemporaryVm,
    Enter,
    Goal,
    HostView,
    InstallAgent,
    InstallExtension,
    JoinDirectory,
    LeaveDirectory,
    LogOffUsers,
    MarkDisk,
    Memory,
    NoteHealthy,
    PowerOff,
    Register,
    RemoveExtension,
    RemoveLastScript,
    RemoveRunCommands,
    Repair,
    RunPostUpdate,
    SendMessage,
    SetAllowNewSession,
    Start,
    Step,
)
from rollout.values import HOUR, MINUTE

STEP_PATIENCE = 120 * 60.0
"""Seconds one step may take, whatever it waits for: no operation of Azure's takes as long, and a host must not be
waited for without end."""
UNDO_PATIENCE = 15 * MINUTE
"""Seconds an extension's removal may hold the old disk up; it takes two minutes (azure-cli recordings)."""
EXTENSION_PATIENCE = 90 * 60.0
"""Azure ends an extension that does not finish after 90 minutes (VMExtensionProvisioningTimeout)."""
NOT_IN_USE = (names.DISK_STATE, names.DISK_KEEP_UNTIL, names.DISK_ROLLOUT, names.DISK_HOST, names.DISK_HOST_ID)
"""Tags that only a disk out of use carries."""
START_GRACE = 15.0
"""Seconds a start may go on before the guest is looked at instead of the operation."""
CONTAINER_LOOK = 30.0
"""Seconds between looks at attached profile containers."""
LOOK = 6.0
"""Seconds between looks at a VM that is stopping: its operation may say itself half a minute late (Retry-After 36 on
the first status answer), and every second of it is outage. A VM's bucket of reads is 36 + 12 a minute."""


class Executor:
    """Performs the steps of all hosts of a run."""

    def __init__(self, azure: Azure, goal: Goal, clock: Clock, tell: Listener) -> None:
        self._azure, self._goal, self._clock, self._tell = azure, goal, clock, tell
        self._declaration = goal.declaration
        self._tokens = TokenSource(azure, goal.declaration.host_pool_id)
        self._starts: dict[str, asyncio.Task[None]] = {}
        self.poll_times = PollTimes()
        """How long the hosts so far had to wait for what is looked for again and again."""

    def use(self, goal: Goal) -> None:
        """From now on this goal: autoscale was switched on meanwhile."""
        self._goal = goal

    async def perform(self, step: Step, view: HostView) -> Memory:
        """Do one step for one host; returns what is remembered from now on."""
        began = self._clock.now()
        try:
            async with asyncio.timeout(self._clock.real_seconds(STEP_PATIENCE)):
                memory, did = await self._do(step, view)
        except TimeoutError:
            what = re.sub(r"(?<!^)([A-Z])", r" \1", type(step).__name__).lower()
            raise HostFailed(f"{what}: Azure has not ended it after {STEP_PATIENCE / MINUTE:.0f} minutes") from None
        if did:
            seconds = round(self._clock.now() - began, 1)
            self._tell(Event(self._clock.now(), Kind.ACTION, view.vm.name, did, {"seconds": seconds}))
        return memory

    async def _do(self, step: Step, view: HostView) -> tuple[Memory, str]:
        azure, vm, memory = self._azure, view.vm, view.memory
        match step:
            case Enter():
                await self._enter(step, view)
                return memory, _entered(step)
            case CreateTemporaryNic():
                return memory, await self._create_nic(view)
            case CreateTemporaryVm():
                return await self._create_vm(view)
            case CheckBuild():
                return await self._check_build(view)
            case DeallocateTemporaryVm():
                assert view.temporary_vm is not None
                await azure.deallocate_vm(view.temporary_vm.id)
                return memory, "deallocated the temporary VM"
            case DeleteTemporaryVm():
                assert view.temporary_vm is not None
                if view.temporary_vm.tags.get(names.DISK_HOST_ID) != vm.vm_id:
                    raise HostFailed(f"{view.temporary_vm.name} is not this rollout's temporary VM; it is left alone")
                await azure.delete_vm(view.temporary_vm.id)
                return replace(memory, build_checked=False), "deleted the temporary VM"
            case DeleteTemporaryNic():
                assert view.temporary_nic is not None
                await azure.delete_nic(str(view.temporary_nic["id"]))
                return memory, "deleted the temporary NIC"
            case MarkDisk():
                return memory, await self._mark(step, view)
            case DeleteDisk():
                if step.disk.tags.get(names.DISK_HOST_ID) != vm.vm_id or step.disk.managed_by is not None:
                    raise HostFailed(f"disk {step.disk.name} is in use or not this rollout's; it is left alone")
                await azure.delete_disk(step.disk.id)
                return memory, f"deleted disk {step.disk.name}: {step.why}"
            case SetAllowNewSession():
                return memory, await self._allow(step, view)
            case SendMessage():
                return await self._message(step, view)
            case LogOffUsers():
                return await self._log_off(step, view)
            case RemoveExtension():
                return await self._remove_extension(step, view)
            case CheckContainers():
                return await self._check_containers(view)
            case RemoveLastScript():
                return replace(memory, script_removed=True), await self._remove_last_script(vm)
            case RemoveRunCommands():
                return replace(memory, commands_removed=True), await self._remove_commands(vm)
            case LeaveDirectory():
                return replace(memory, left_directory=True), await self._leave(vm)
            case DeleteSessionHost():
                return await self._delete_record(step, view)
            case PowerOff():
                await self._stop(vm, azure.power_off_vm(vm.id), "power off", ("stopped", "deallocated"))
                return memory, "shut the guest down"
            case Deallocate():
                await self._stop(vm, azure.deallocate_vm(vm.id), "deallocate", ("deallocated",))
                return memory, "deallocated"
            case Start():
                return replace(memory, healthy_polls=0, checked=False), await self._start(vm)
            case JoinDirectory():
                return memory, await self._join(vm)
            case InstallAgent():
                return memory, await self._install_agent(view)
            case InstallExtension():
                return memory, await self._install_extension(step, vm)
            case RunPostUpdate():
                await guest.run_post_update(azure, self._declaration.post_update, vm)
                return replace(memory, post_updated=True), "ran post_update.script"
            case Repair():
                return replace(memory, repaired=True), await self._repair(view)
            case Register():
                return replace(memory, repaired=True), await self._register(view)
            case CheckGuest():
                await guest.check(azure, self._declaration, vm)
                return replace(memory, checked=True), "checked the guest"
            case NoteHealthy():
                return replace(memory, healthy_polls=memory.healthy_polls + 1 if step.healthy else 0), ""
            case CollectEvidence():
                data = {"evidence": await guest.evidence(azure, vm, view.session_host), "result": "restoring"}
                reason = view.record.w if view.record is not None else ""
                self._tell(Event(self._clock.now(), Kind.HOST_FAILED, vm.name, reason, data))
                return replace(memory, evidence=True), ""
            case _:
                raise AssertionError(f"no way to perform {step}")

    # -- the VM and its record

    async def _enter(self, step: Enter, view: HostView) -> None:
        vm, goal = view.vm, self._goal
        tags = {k: v for k, v in vm.tags.items() if not k.startswith(names.OURS)}
        if step.exclusion_tag is True and goal.exclusion_tag:
            tags.setdefault(goal.exclusion_tag, "")
        if step.exclusion_tag is False and goal.exclusion_tag:
            tags.pop(goal.exclusion_tag, None)
        if step.record is not None:
            tags[names.RECORD] = step.record.encode()
            tags[names.POOL] = goal.pool_name
            host = view.session_host
            known = vm.tags.get(names.SESSION_HOST) if host is None else host.name
            if known:
                tags[names.SESSION_HOST] = known
            friendly = vm.tags.get(names.FRIENDLY_NAME) if step.friendly_name is None else step.friendly_name
            if friendly:
                tags[names.FRIENDLY_NAME] = friendly
        patch: Body = {"tags": tags}
        properties: Body = {}
        if step.vm_size is not None:
            properties["hardwareProfile"] = {"vmSize": step.vm_size}
        if step.attach is not None:
            # Name and id together, createOption as it is: changing only the id does nothing or fails
            # (azure-libraries-for-java issue 275, azure-sdk-for-python issue 3001).
            managed: Body = {"id": step.attach}
            if step.storage_account_type:
                managed["storageAccountType"] = step.storage_account_type
            properties["storageProfile"] = {
                "osDisk": {
                    "name": name_of(step.attach),
                    "createOption": vm.os_disk.get("createOption", "FromImage"),
                    "managedDisk": managed,
                }
            }
        elif step.delete_option is not None:
            disk = {"name": vm.os_disk_name, "createOption": vm.os_disk.get("createOption", "FromImage")}
            properties["storageProfile"] = {
                "osDisk": {**disk, "managedDisk": {"id": vm.os_disk_id}, "deleteOption": step.delete_option}
            }
        if properties:
            patch["properties"] = properties
        await self._azure.update_vm(vm.id, patch, etag=vm.etag)
        stale = self._starts.pop(vm.id, None) if step.attach is not None else None
        if stale is not None:
            stale.cancel()  # it started another disk

    async def _start(self, vm: Vm) -> str:
        """Start, and stop waiting for the operation after a while: an extension that fails can hold it for 90 minutes,
        so from then on power state and agent tell. Its failure is noticed while it is waited for."""
        task = self._starts.get(vm.id)
        if task is None:
            task = self._starts[vm.id] = asyncio.create_task(self._azure.start_vm(vm.id))
            task.add_done_callback(_heard)  # nobody may ask any more: another disk was attached meanwhile
        done, _ = await asyncio.wait({task}, timeout=self._clock.real_seconds(START_GRACE))
        if done:
            self._starts.pop(vm.id, None)
            try:
                task.result()
            except OperationFailed as error:
                if error.code in ("AllocationFailed", "ZonalAllocationFailed", "OverconstrainedAllocationRequest"):
                    raise AllocationFailed(f"Azure has no capacity to start it: {error.code}") from error
                raise
            return "started"
        return "start is under way"

    async def _stop(self, vm: Vm, operation: Coroutine[Any, Any, None], like: str, power: tuple[str, ...]) -> None:
        """Until the operation says that it has ended, or the VM itself does."""
        task, began, looks = asyncio.create_task(operation), self._clock.now(), 0
        try:
            while not task.done():
                seen, passed = self.poll_times.seen(like), self._clock.now() - began
                scarcity = self._azure.scarcity() if seen else 0.0
                wait = pause(seen, passed, urgent=True, scarcity=scarcity) if len(seen) >= ENOUGH else LOOK
                await asyncio.wait({task}, timeout=self._clock.real_seconds(wait))
                body = None if task.done() else await self._azure.get_vm(vm.id, instance_view=True)
                looks += 1
                if body is not None and Vm(body).power in power and not Vm(body).busy:
                    self.poll_times.learn(like, self._clock.now() - began, at_first_look=looks == 1)
                    return
            await task
        finally:
            task.cancel()

    async def close(self) -> None:
        """End what still waits for an operation; the operations themselves go on in Azure."""
        for task in self._starts.values():
            task.cancel()
        await asyncio.gather(*self._starts.values(), return_exceptions=True)

    # -- the new disk

    def _temporary(self, view: HostView, name: str, kind: str) -> str:
        return f"{temporary_vm.build_group(self._goal, view.vm)}/providers/{kind}/{name}"

    async def _create_nic(self, view: HostView) -> str:
        host_nic = await self._azure.get_nic(view.vm.nic_ids[0])
        if host_nic is None:
            raise HostFailed(f"its NIC {name_of(view.vm.nic_ids[0])} does not exist")
        name = names.temporary_nic(view.build_key)
        body = temporary_vm.nic_body(self._goal, view.vm, host_nic)
        await self._azure.create_nic(self._temporary(view, name, "Microsoft.Network/networkInterfaces"), body)
        return "created a temporary NIC"

    async def _create_vm(self, view: HostView) -> tuple[Memory, str]:
        assert view.temporary_nic is not None and self._declaration.local_admin is not None
        admin = self._declaration.local_admin
        name, password = await asyncio.gather(
            self._azure.get_secret(admin.username_secret), self._azure.get_secret(admin.password_secret)
        )
        body = temporary_vm.vm_body(
            self._goal, view.vm, view.old_disk, view.new_disk_name, str(view.temporary_nic["id"]), (name, password)
        )
        vm_id = self._temporary(view, names.temporary_vm(view.build_key), "Microsoft.Compute/virtualMachines")
        memory = replace(view.memory, build_tries=view.memory.build_tries + 1, build_checked=False)
        try:
            await self._azure.create_vm(vm_id, body)
        except OperationFailed as error:
            # The next look finds it Failed and deletes it; what it said is kept.
            text = f"temporary VM: {error.code}: {error.message}"
            self._tell(Event(self._clock.now(), Kind.WARNING, view.vm.name, text))
            return memory, ""
        return memory, "built a temporary VM from the image"

    async def _check_build(self, view: HostView) -> tuple[Memory, str]:
        assert view.temporary_vm is not None
        if not await guest.is_set_up(self._azure, view.temporary_vm):
            await self._clock.sleep(15.0)
            return view.memory, ""
        return replace(view.memory, build_checked=True), "checked that Windows set-up is complete"

    async def _mark(self, step: MarkDisk, view: HostView) -> str:
        tags = dict(step.disk.tags)
        tags |= {
            names.DISK_HOST: view.vm.name,
            names.DISK_HOST_ID: view.vm.vm_id,
            names.DISK_ROLLOUT: self._goal.rollout,
        }
        if step.image:
            tags[names.DISK_IMAGE] = tag_value(step.image)
        if step.keep is not None:
            tags[names.DISK_KEEP_UNTIL] = iso(self._azure.azure_time() + step.keep)
        tags[names.DISK_STATE] = step.state
        if not step.state:
            for name in NOT_IN_USE:
                tags.pop(name, None)
        await self._azure.update_disk(step.disk.id, {"tags": tags})
        return f"marked disk {step.disk.name} {step.state or 'in use'}"

    # -- users and the pool

    async def _allow(self, step: SetAllowNewSession, view: HostView) -> str:
        assert view.session_host is not None
        properties: Body = {"allowNewSession": step.allow}
        if step.friendly_name is not None:
            properties["friendlyName"] = step.friendly_name
        await self._azure.update_session_host(view.session_host.id, {"properties": properties})
        return "takes new sessions" if step.allow else "takes no new sessions"

    async def _message(self, step: SendMessage, view: HostView) -> tuple[Memory, str]:
        values = messages.values(
            step.ends,
            schedule.finish(self._declaration, step.ends, view.now),
            now=view.now,
            zone=self._declaration.zone,
            host=view.vm.computer_name,
            pool=self._goal.pool_name,
        )
        boxes = step.message.filled(values)

        async def tell(session: UserSession) -> None:
            for title, text in boxes:
                await self._azure.send_message(session.id, title, text)

        ends = await asyncio.gather(*(tell(session) for session in step.sessions), return_exceptions=True)
        reached = [session for session, end in zip(step.sessions, ends, strict=True) if end is None]
        for error in ends:
            # Where Azure refuses some of them, only those are told again.
            if error is not None and not (isinstance(error, AzureError) and reached):
                raise error
        for session in reached:
            self._user(view.vm, session.user, step.what)
        ids = frozenset(session.id for session in reached)
        memory, count = view.memory, f"{len(reached)} session(s)"
        if step.what == FINAL_MESSAGE:
            warned = {**memory.warned, **dict.fromkeys(ids, view.now)}
            return replace(memory, warned=warned), f"sent the final message to {count}"
        told = {**memory.told, **dict.fromkeys(ids, view.now)}
        return replace(memory, told=told, returned=memory.returned - ids), f"sent a {step.what} to {count}"

    async def _log_off(self, step: LogOffUsers, view: HostView) -> tuple[Memory, str]:
        """After one more look: who has left by himself is not logged off, and whoever has come back to a disconnected
        session meanwhile keeps it for now."""
        assert view.session_host is not None
        listed = [UserSession(body) for body in await self._azure.list_user_sessions(view.session_host.id)]
        may_be_active = frozenset() if step.only_disconnected else {s.id for s in step.sessions if s.state == "Active"}
        there = {session.id for session in listed if session.state != "Active" or session.id in may_be_active}
        ending = tuple(session for session in step.sessions if session.id in there)
        await asyncio.gather(*(self._azure.log_off(session.id) for session in ending))
        for session in ending:
            self._user(view.vm, session.user, ENDED if session.state == "Disconnected" else LOGGED_OFF)
        if not ending:
            return view.memory, ""
        ended = view.memory.ended | {session.id for session in ending}
        return replace(view.memory, ended=ended, logged_off_at=view.now), f"logged off {len(ending)} session(s)"

    async def _delete_record(self, step: DeleteSessionHost, view: HostView) -> tuple[Memory, str]:
        assert view.session_host is not None
        try:
            await self._azure.delete_session_host(view.session_host.id, force=step.force)
        except Conflict:
            # Refused: somebody is back. The next look sees the session, and the host returns to drain.
            await self._clock.sleep(15.0)
            return replace(view.memory, empty_since=None, refused_deletes=view.memory.refused_deletes + 1), ""
        return view.memory, "removed the session-host record"

    def _user(self, vm: Vm, user: str, what: str) -> None:
        self._tell(Event(self._clock.now(), Kind.USER, vm.name, f"{user}: {what}", {"user": user, "what": what}))

    async def _remove_extension(self, step: RemoveExtension, view: HostView) -> tuple[Memory, str]:
        """On the way back to the old disk it is tried for a while only: what is left replays there, and is removed
        before trust is repaired."""
        undoing = view.record is not None and view.record.p is Phase.UNDO
        try:
            async with asyncio.timeout(self._clock.real_seconds(UNDO_PATIENCE) if undoing else None):
                await self._azure.delete_extension(view.vm.id, step.name)
        except (TimeoutError, OperationFailed):
            if not undoing:
                raise
            return replace(view.memory, removal_given_up=True), ""
        return view.memory, f"removed extension {step.name}"

    async def _remove_last_script(self, vm: Vm) -> str:
        try:
            await self._azure.remove_run_command(vm.id)
        except OperationFailed as error:
            # Whether Azure says so where there is none is not known (unverified); most often there is none.
            text = f"the last Run Command script could not be removed and may run on the new disk: {error.message}"
            self._tell(Event(self._clock.now(), Kind.WARNING, vm.name, text))
            return ""
        return "removed the last Run Command script"

    async def _remove_commands(self, vm: Vm) -> str:
        there = [name for name in await self._azure.list_run_commands(vm.id) if name in names.RUN_COMMANDS]
        for name in there:
            await self._azure.delete_run_command(vm.id, name)
        return f"removed run command {', '.join(there)}" if there else ""

    async def _leave(self, vm: Vm) -> str:
        if self._declaration.device_cleanup is DeviceCleanup.LEAVE:
            await guest.leave_directory(self._azure, vm)
            return "left Entra ID"
        # Deletion lags by half a minute and more; it is verified with backoff up to five minutes before the join.
        for seconds in (0.0, 15.0, 30.0, 60.0, 90.0, 105.0):
            await self._clock.sleep(seconds)
            if await self._azure.delete_directory_devices(vm.computer_name) == 0 and seconds:
                break
        return "removed its Entra device"

    async def _check_containers(self, view: HostView) -> tuple[Memory, str]:
        count = await guest.attached_containers(self._azure, view.vm)
        if count == 0:
            return replace(view.memory, containers_detached=True), "checked that no profile container is attached"
        await self._clock.sleep(CONTAINER_LOOK)
        return replace(view.memory, containers_since=view.memory.containers_since or view.now), ""

    # -- rejoin

    async def _install_extension(self, step: InstallExtension, vm: Vm) -> str:
        extension, protected = step.extension, None
        if extension.protected_settings_secret:
            protected = json.loads(await self._azure.get_secret(extension.protected_settings_secret))
        body = extension.body(vm.location, protected)
        await self._extension(vm, extension.name, body, f"post_update, {extension.name}")
        return f"installed extension {extension.name}"

    async def _join(self, vm: Vm) -> str:
        wanted = self._declaration.join
        assert wanted is not None
        password = await self._azure.get_secret(wanted.password_secret) if wanted.password_secret else ""
        name, body = join.join_extension(wanted, vm.location, password)
        await self._extension(vm, name, body, "domain join")
        return "joined the directory"

    async def _extension(self, vm: Vm, name: str, body: Body, what: str) -> None:
        for last in (False, False, True):
            try:
                async with asyncio.timeout(self._clock.real_seconds(EXTENSION_PATIENCE)):
                    await self._azure.put_extension(vm.id, name, body)
                return
            except OperationFailed as error:
                # Somebody else's write of the VM cut in (recording compute-vm-extension-failed-concurrent-vm-update).
                if error.code != "OperationPreempted" or last:
                    raise ImageFault(f"{what}: {guest.shortened(error.message)}") from error
            except TimeoutError:
                minutes = EXTENSION_PATIENCE / 60
                raise ImageFault(f"{what}: the extension did not finish in {minutes:.0f} minutes") from None
            await self._clock.sleep(15.0)

    async def _install_agent(self, view: HostView) -> str:
        declared, location = self._declaration, view.vm.location
        for last in (False, True):
            token = await self._tokens.get(declared.verify.timeout + HOUR)
            name, body = join.agent_extension(declared.agent, declared.join, location, self._goal.pool_name, token)
            try:
                await self._while_watching(view, partial(self._extension, view.vm, name, body, "agent"), "register")
                break
            except ImageFault as error:
                # Somebody renewed the pool's one token while the agent was being installed: that is no image fault.
                if last or "REGISTRATION_TOKEN" not in str(error):
                    raise
        return "installed the agent"

    async def _while_watching(self, view: HostView, work: Callable[[], Awaitable[None]], like: str) -> None:
        """Do `work`, and meanwhile drain the host's new record in its first answer: it takes users at once. It is
        watched closely from well before the time at which those of the hosts so far appeared."""
        session_host_id = self.session_host_id(view.vm)
        task, began = asyncio.ensure_future(work()), self._clock.now()
        try:
            while not task.done():
                seen, passed = self.poll_times.seen(like), self._clock.now() - began
                wait = watch_pause(seen, passed, scarcity=self._azure.scarcity())
                await asyncio.wait({task}, timeout=self._clock.real_seconds(wait))
                body = await self._azure.get_session_host(session_host_id) if session_host_id else None
                if body is not None and SessionHost(body).allow_new_session:
                    self.poll_times.learn(like, self._clock.now() - began)
                    await self._azure.update_session_host(session_host_id, {"properties": {"allowNewSession": False}})
                    break
            await task
        finally:
            if not task.done():
                task.cancel()

    def session_host_id(self, vm: Vm) -> str:
        """The id of the VM's session-host record, by the name it had; empty where it is not known."""
        name = vm.tags.get(names.SESSION_HOST)
        return f"{self._declaration.host_pool_id}/sessionHosts/{name}" if name else ""

    async def _repair(self, view: HostView) -> str:
        token = await self._tokens.get(self._declaration.verify.timeout + HOUR)
        wanted = self._declaration.join
        if wanted is not None and wanted.type is JoinType.ACTIVE_DIRECTORY:
            script: tuple[str, ...] = scripts.REPAIR_TRUST + scripts.REPAIR_REGISTRATION
            password = await self._azure.get_secret(wanted.password_secret)
            secrets = {"JoinUser": wanted.user, "JoinPassword": password, "RegistrationToken": token}
        else:
            script, secrets = scripts.REPAIR_NO_JOIN + scripts.REPAIR_REGISTRATION, {"RegistrationToken": token}
            if wanted is not None:
                login = view.vm.extension(*join.ENTRA_LOGIN)
                if login is not None:
                    # Written again unchanged it would not run, and the host would stay out of the directory it leaves.
                    await self._azure.delete_extension(view.vm.id, login.name)
                await self._azure.run_protected_command(view.vm.id, names.LEAVE_COMMAND, scripts.LEAVE_ENTRA, {})
                await self._join(view.vm)

        await self._register_by(view, names.REPAIR_COMMAND, script, secrets)
        return "repaired trust and registration of the old disk"

    async def _register(self, view: HostView) -> str:
        token = await self._tokens.get(self._declaration.verify.timeout + HOUR)
        script = scripts.REPAIR_NO_JOIN + scripts.REPAIR_REGISTRATION
        await self._register_by(view, names.REGISTER_COMMAND, script, {"RegistrationToken": token})
        return "had the agent register again"

    async def _register_by(
        self, view: HostView, command: str, script: tuple[str, ...], secrets: dict[str, str]
    ) -> None:
        async def run() -> None:
            await self._azure.run_protected_command(view.vm.id, command, script, secrets)

        await self._while_watching(view, run, "register again")


def _heard(task: asyncio.Task[None]) -> None:
    """Take note of how it ended, so that asyncio does not complain that nobody did."""
    if not task.cancelled():
        task.exception()


def _entered(step: Enter) -> str:
    if step.attach is not None:
        return f"attached disk {name_of(step.attach)}"
    if step.vm_size is not None:
        return f"set the size to {step.vm_size}"
    return ""
