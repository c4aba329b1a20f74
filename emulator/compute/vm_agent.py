"""The VM agent's work: extensions and managed run commands, written now or new to the disk at its first boot.

What is new to a disk runs at the same time, and a write at once (inferred: no recording shows an order). A machine that
goes down begins again at its next boot with what the disk has not seen. A start waits for what replays and fails with
it.
"""

from __future__ import annotations

from emulator import durations, guest_scripts, guest_time, guests, ids, operations
from emulator.compute import extension_handlers
from emulator.compute.shapes import not_allowed, require_staying
from emulator.resources import existence
from emulator.wire import Body
from emulator.world import Handler, Resource, World

SILENT_AGENT_LIMIT = 25 * 60.0
"""Seconds after which a write fails with VMAgentStatusCommunicationError (recording of 2023)."""
EXTENSION_LIMIT = 90 * 60.0
"""Seconds after which an extension that does not end fails with VMExtensionProvisioningTimeout (recording of 2020)."""


def is_windows(vm: Resource) -> bool:
    return bool(vm.body["properties"]["storageProfile"]["osDisk"]["osType"] == "Windows")


def running_vm(world: World, vm_id: str) -> Resource:
    """The VM of a child resource that is to be written. Raises 404 without it, 409 while it does not run or goes."""
    vm = world.get(vm_id)
    if vm is None:
        raise existence.missing(vm_id)
    require_staying(vm)
    if guests.machine_of(world, vm).power != "running":
        # issue reports RDS-Templates#685, terraform-provider-azurerm#17262
        raise not_allowed("Cannot modify extensions in the VM when the VM is not running.")
    return vm


def begin_run(world: World, vm: Resource, child: Resource) -> None:
    """A write was accepted: the VM agent runs the extension or run command, at once if it is ready, else (with the
    others that are new to the disk) when it is. Too long a silence and too long a run fail the write."""
    machine = guests.machine_of(world, vm)
    operation = operations.latest(world, child.id)
    assert operation is not None
    if machine.agent_ready:
        _schedule(world, vm, child, machine.boot, replay=False)
    world.schedule(SILENT_AGENT_LIMIT, "vm_agent.silent", operation=operation.id, vm_id=vm.id)
    world.schedule(EXTENSION_LIMIT, "vm_agent.overdue", operation=operation.id)


def _schedule(world: World, vm: Resource, child: Resource, boot: int, *, replay: bool) -> None:
    """The child runs from now on and ends after the time its handler takes; once in a boot."""
    mark = guests.mark_of(child)
    begun = guests.machine_of(world, vm).begun
    if [boot, mark] in begun:
        return
    begun.append([boot, mark])
    if ids.resource_type(child.id).lower() == guests.RUN_COMMAND_TYPE.lower():
        seconds = durations.draw(world, "run command put", vm.id) + _working(child)
    else:
        seconds = extension_handlers.seconds(world, vm, child)
    world.schedule(seconds, "vm_agent.ran", vm_id=vm.id, child_id=child.id, mark=mark, boot=boot, replay=replay)


def _working(command: Resource) -> float:
    """Seconds that a run command's script works: to its end, or to its limit, where Azure ends it (REST specification
    of virtualMachineRunCommands: timeoutInSeconds, executionState TimedOut; without one after 90 minutes)."""
    properties = command.body["properties"]
    works = guest_time.seconds_of(str((properties.get("source") or {}).get("script") or ""))
    limit = float(properties.get("timeoutInSeconds") or EXTENSION_LIMIT - 300)
    command.hidden["timed_out"] = works > limit
    return min(works, limit)


def _agent_ready(world: World, vm_id: str, boot: int) -> None:
    """The VM agent of a boot reports: all that is new to this disk runs."""
    vm = world.get(vm_id)
    if vm is None:
        return
    # What was cancelled or given up is not tried again before the next boot.
    waiting = [child for child in guests.to_replay(world, vm) if child.hidden.get("given_up_in") != boot]
    for child in waiting:
        _schedule(world, vm, child, boot, replay=True)
    if not waiting:
        _replay_action(world, vm)
        _release_start(world, vm)


def _ran(world: World, vm_id: str, child_id: str, mark: str, boot: int, replay: bool) -> None:
    """Event: the handler has finished."""
    vm, child = world.get(vm_id), world.get(child_id)
    if vm is None:
        return
    machine = guests.machine_of(world, vm)
    if machine.boot != boot or not machine.agent_ready:
        return  # the machine went down meanwhile: it runs again at the next boot
    if child is not None and guests.mark_of(child) == mark:
        operation = operations.latest(world, child.id)
        if operation is not None and operation.payload.get("mark") == mark:
            operations.finish(world, operation.id)
        elif replay:
            error = execute(world, vm, child)
            if error is not None:
                vm.hidden.setdefault("replay_errors", []).append(error)
    _agent_ready(world, vm_id, boot)


def take_over(world: World, vm: Resource) -> None:
    """A write of an extension or a run command preempts what runs on the VM. The VM is at rest then: it runs, and the
    operation of a child says nothing of the VM itself."""
    operations.preempt(world, vm.id)
    if vm.body["properties"]["provisioningState"] == "Updating":
        vm.body["properties"]["provisioningState"] = "Succeeded"


def execute(world: World, vm: Resource, child: Resource) -> Body | None:
    """Let an extension or managed run command take effect in the guest; returns its error, if any."""
    ran = guests.content_of(world, vm.id)["extensions_ran"]
    if guests.mark_of(child) not in ran:
        ran.append(guests.mark_of(child))
    if ids.resource_type(child.id).lower() == guests.RUN_COMMAND_TYPE.lower():
        return _run_script(world, vm, child)
    result = extension_handlers.run(world, vm, child)
    properties = child.body["properties"]
    properties["provisioningState"] = "Succeeded" if result.ok else "Failed"
    child.hidden["statuses"] = [
        {
            "code": "ProvisioningState/succeeded" if result.ok else f"ProvisioningState/failed/{result.code}",
            "level": "Info" if result.ok else "Error",
            "displayStatus": "Provisioning succeeded" if result.ok else "Provisioning failed",
            "message": result.message,
        }
    ]
    if result.ok:
        return None
    # recording compute-vm-extension-failed-concurrent-vm-update
    return {
        "code": "VMExtensionProvisioningError",
        "message": f"VM has reported a failure when processing extension '{child.body['name']}' (publisher "
        f"'{properties['publisher']}' and type '{properties['type']}'). Error message: '{result.message}'. More "
        "information on troubleshooting is available at https://aka.ms/vmextensionwindowstroubleshoot. ",
    }


def _release_start(world: World, vm: Resource) -> None:
    """The start that replayed extensions have held ends: Failed if one of them failed."""
    errors = vm.hidden.pop("replay_errors", [])
    operation = vm.hidden.get("held_start")
    if operation is not None:
        operations.finish(world, operation, errors[0] if errors else None)


# -- events


def _written(world: World, *, operation: str, error: Body | None, vm_id: str, child_id: str, mark: str) -> None:
    """The end of a PUT or PATCH. A failed extension leaves the VM itself Succeeded (two recordings). What a preempted
    one had begun in the guest comes to nothing (inferred), and it runs at the next boot as the model still has it."""
    vm, extension = world.get(vm_id), world.get(child_id)
    if vm is None or extension is None:
        return
    if error is not None:
        extension.body["properties"]["provisioningState"] = "Failed"
        extension.hidden["sequence"] = guests.next_sequence(world)
        extension.hidden["given_up_in"] = guests.machine_of(world, vm).boot
        if error["code"] != "VMAgentStatusCommunicationError":
            extension.hidden["statuses"] = []
        return
    if not mark:
        extension.body["properties"]["provisioningState"] = "Succeeded"
        return
    failure = execute(world, vm, extension)
    if failure is not None:
        operations.fail(world, operation, failure["code"], failure["message"])


def _silent(world: World, operation: str, vm_id: str) -> None:
    """Event: the VM agent has not reported for too long."""
    vm = world.get(vm_id)
    if vm is None or guests.machine_of(world, vm).agent_ready:
        return
    operations.finish(world, operation, silent_agent(vm))


def silent_agent(vm: Resource) -> Body:
    """Recording compute-vm-extension-failed-agent (Linux there; the Windows link is inferred)."""
    system = "windows" if is_windows(vm) else "linux"
    return {
        "code": "VMAgentStatusCommunicationError",
        "message": f"VM '{vm.body['name']}' has not reported status for VM agent or extensions. Verify that the OS is "
        "up and healthy, the VM has a running VM agent, and that it can establish outbound connections to Azure "
        f"storage. Please refer to https://aka.ms/vmextension{system}troubleshoot for additional VM agent "
        "troubleshooting information.",
    }


def _overdue(world: World, operation: str) -> None:
    """Event: 90 minutes after a write."""
    operations.finish(
        world,
        operation,
        {
            "code": "VMExtensionProvisioningTimeout",
            "message": "Provisioning of VM extension has timed out. Extension provisioning has taken too long to "
            "complete. The extension did not report a message.",
        },
    )


def _deleted(world: World, *, operation: str, error: Body | None, vm_id: str, child_id: str) -> None:
    """The end of a DELETE; a silent VM agent delays it, for 25 minutes at most."""
    vm, extension = world.get(vm_id), world.get(child_id)
    if vm is None or extension is None:
        return
    if error is not None:
        extension.body["properties"]["provisioningState"] = "Failed"
        return
    if not guests.machine_of(world, vm).agent_ready:
        if world.now - operations.all_of(world)[operation].started < SILENT_AGENT_LIMIT:
            operations.extend(world, operation, 15.0)
            return
        failure = silent_agent(vm)
        extension.body["properties"]["provisioningState"] = "Failed"
        operations.fail(world, operation, failure["code"], failure["message"])
        return
    world.delete(extension.id)


def _replay_action(world: World, vm: Resource) -> None:
    """The hidden handler's last script runs on a disk that has not seen it."""
    last = vm.hidden.get("run_command_action")
    if last is None:
        return
    ran = guests.content_of(world, vm.id)["extensions_ran"]
    if last["mark"] not in ran:
        ran.append(last["mark"])
        guest_scripts.run(world, vm, last["script"], last["parameters"], replayed=True)


def _run_script(world: World, vm: Resource, command: Resource) -> Body | None:
    """Run the script; returns an error only where a failing script shall fail the deployment."""
    properties = command.body["properties"]
    secret = command.hidden.get("protectedParameters") or []
    given = [*(properties.get("parameters") or []), *secret]
    parameters = {str(p["name"]): str(p.get("value", "")) for p in given}
    started = world.iso()
    if command.hidden.pop("timed_out", False):
        # what a script that is ended leaves of its work is not modelled: nothing of it has happened
        command.hidden["instanceView"] = {
            "executionState": "TimedOut",
            "executionMessage": "Execution timed out",
            "exitCode": -1,
            "output": "",
            "error": "",
            "startTime": started,
            "endTime": world.iso(),
        }
        properties["provisioningState"] = "Succeeded"
        return None
    outcome = guest_scripts.run(world, vm, str((properties.get("source") or {}).get("script") or ""), parameters)
    command.hidden["instanceView"] = {
        "executionState": "Succeeded" if outcome.exit_code == 0 else "Failed",
        "executionMessage": "Execution completed" if outcome.exit_code == 0 else "Execution failed",
        "exitCode": outcome.exit_code,
        "output": outcome.output,
        "error": outcome.error,
        "startTime": started,
        "endTime": world.iso(),
    }
    failed = outcome.exit_code != 0 and bool(properties.get("treatFailureAsDeploymentFailure"))
    properties["provisioningState"] = "Failed" if failed else "Succeeded"
    if not failed:
        return None
    return {
        "code": "VMExtensionProvisioningError",
        "message": f"VM has reported a failure when processing run command '{command.body['name']}'. Error message: "
        f"'Command execution failed with exit code {outcome.exit_code}'.",
    }


HANDLERS: dict[str, Handler] = {
    "vm_agent.ready": _agent_ready,
    "vm_agent.ran": _ran,
    "vm_agent.written": _written,
    "vm_agent.silent": _silent,
    "vm_agent.overdue": _overdue,
    "vm_agent.deleted": _deleted,
}
