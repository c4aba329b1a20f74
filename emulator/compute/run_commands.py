"""Run commands: the action `runCommand`, and the managed resource Microsoft.Compute/virtualMachines/runCommands.

The action installs a hidden RunCommand handler that keeps the last script: it too is replayed on another disk unless
it was taken off with the command RemoveRunCommandWindowsExtension (which Azure documents for exactly that; that the
replay happens is an operator's report, unverified).
"""

from __future__ import annotations

from typing import Any

from emulator import durations, guest_scripts, guests, ids, operations, paging
from emulator.compute import vm_agent
from emulator.compute.shapes import body_of, clone, merge, not_allowed, required, without_nulls
from emulator.resources import existence
from emulator.wire import ArmError, Body, Request, Response
from emulator.world import Handler, Resource, World

TYPE = guests.RUN_COMMAND_TYPE
LIMIT = 90 * 60.0
"""Seconds that an action waits for a silent VM agent."""

REMOVE = ("removeruncommandwindowsextension", "removeruncommandlinuxextension")


# -- the action


def run(world: World, request: Request, path: dict[str, str]) -> Response:
    """POST runCommand: 202; the output is in the operation and in the body of the GET of Location."""
    vm = existence.find(world, request.path.rpartition("/")[0])
    body = without_nulls(body_of(request))
    command = str(body.get("commandId") or "")
    if not command:
        raise required("commandId")
    if guests.machine_of(world, vm).power != "running":
        # words of public reports: the action, unlike an extension, names the state it needs
        raise not_allowed("The operation requires the VM to be running (or set to run).")
    busy = operations.latest(world, f"{vm.id}/runCommand")
    if busy is not None:
        raise ArmError(
            409,
            "Conflict",
            "Run command extension execution is in progress. Please wait for completion before invoking a run command.",
        )
    script = body.get("script") or []
    parameters = {str(p["name"]): str(p.get("value", "")) for p in body.get("parameters") or []}
    headers = operations.start(
        world,
        request,
        kind="vm action",
        resource_id=f"{vm.id}/runCommand",
        seconds=durations.draw(world, "run command", vm.id),
        done="run_commands.action_done",
        vm_id=vm.id,
        command=command,
        script="\n".join(script) if isinstance(script, list) else str(script),
        parameters=parameters,
    )
    return Response(202, None, headers)


def _action_done(
    world: World,
    *,
    operation: str,
    error: Body | None,
    vm_id: str,
    command: str,
    script: str,
    parameters: dict[str, str],
) -> None:
    vm = world.get(vm_id)
    if vm is None or error is not None:
        return
    if not guests.machine_of(world, vm).agent_ready:
        if world.now - operations.all_of(world)[operation].started < LIMIT:
            operations.extend(world, operation, 15.0)
        else:
            failure = vm_agent.silent_agent(vm)
            operations.fail(world, operation, failure["code"], failure["message"])
        return
    if command.lower() in REMOVE:
        vm.hidden.pop("run_command_action", None)
        operations.output(world, operation, _output(vm_agent.is_windows(vm), "", ""))
        return
    mark = f"{vm.id.lower()}#runcommand#{operation}"
    vm.hidden["run_command_action"] = {"mark": mark, "script": script, "parameters": parameters}
    guests.content_of(world, vm.id)["extensions_ran"].append(mark)
    outcome = guest_scripts.run(world, vm, script, parameters)
    operations.output(world, operation, _output(vm_agent.is_windows(vm), outcome.output, outcome.error))


def _output(windows: bool, output: str, error: str) -> Body:
    """Linux: recording compute-vm-runcommand-action. Windows: two component statuses, as azure-docs shows them. The
    action succeeds whatever the script's exit code."""
    if windows:
        status = {"level": "Info", "displayStatus": "Provisioning succeeded"}
        return {
            "value": [
                {"code": "ComponentStatus/StdOut/succeeded", **status, "message": output},
                {"code": "ComponentStatus/StdErr/succeeded", **status, "message": error},
            ]
        }
    return {
        "value": [
            {
                "code": "ProvisioningState/succeeded",
                "level": "Info",
                "displayStatus": "Provisioning succeeded",
                "message": f"Enable succeeded: \n[stdout]\n{output}\n\n[stderr]\n{error}\n",
            }
        ]
    }


# -- the managed resource


def get(world: World, request: Request, path: dict[str, str]) -> Response:
    """`$expand=instanceView` shows the execution state and the output."""
    existence.find(world, str(ids.parent(ids.normal(request.path))))
    return Response(200, _view(existence.find(world, request.path), request))


def list_(world: World, request: Request, path: dict[str, str]) -> Response:
    vm = existence.find(world, request.path.rpartition("/")[0])
    return Response(200, paging.page(request, [_view(child, request) for child in world.under(vm.id, TYPE)]))


def create_or_update(world: World, request: Request, path: dict[str, str]) -> Response:
    """PUT: 201 or 200, Azure-AsyncOperation only."""
    existence.require_parent(world, ids.normal(request.path))
    return _write(world, request, path["command"], without_nulls(body_of(request)))


def update(world: World, request: Request, path: dict[str, str]) -> Response:
    known = existence.find(world, request.path)
    current = {k: v for k, v in known.body["properties"].items() if k not in ("provisioningState", "instanceView")}
    merged = merge({**known.body, "properties": current}, without_nulls(body_of(request)))
    return _write(world, request, path["command"], merged)


def delete(world: World, request: Request, path: dict[str, str]) -> Response:
    vm = vm_agent.running_vm(world, str(ids.parent(ids.normal(request.path))))
    known = world.get(ids.normal(request.path))
    if known is None:
        return Response(204)
    vm_agent.take_over(world, vm)
    headers = operations.start(
        world,
        request,
        kind="run command delete",
        resource_id=known.id,
        seconds=durations.draw(world, "run command delete", vm.id),
        done="vm_agent.deleted",
        vm_id=vm.id,
        child_id=known.id,
    )
    return Response(202, None, headers)


def _view(command: Resource, request: Request) -> Body:
    body: Body = clone(command.body)
    if "instanceview" in request.query.get("$expand", "").lower():
        body["properties"]["instanceView"] = clone(command.hidden.get("instanceView") or {"executionState": "Unknown"})
    return body


def _write(world: World, request: Request, name: str, body: Body) -> Response:
    vm = vm_agent.running_vm(world, str(ids.parent(ids.normal(request.path))))
    command_id = ids.normal(request.path)
    known = world.get(command_id)
    properties: Body = dict(body.get("properties") or {})
    if not properties.get("source"):
        raise required("source")
    vm_agent.take_over(world, vm)
    secret: Any = properties.pop("protectedParameters", None)
    for write_only in ("runAsPassword", "instanceView", "provisioningState"):
        properties.pop(write_only, None)
    properties.setdefault("asyncExecution", False)
    properties.setdefault("timeoutInSeconds", 0)
    hidden: Body = {
        "protectedParameters": secret,
        "sequence": guests.next_sequence(world),
        "instanceView": {"executionState": "Running", "output": "", "error": ""},
    }
    stored: Body = {
        "name": name,
        "id": command_id,
        "type": TYPE,
        "location": str(body.get("location") or vm.body["location"]).replace(" ", "").lower(),
        "tags": body.get("tags") or {},
        "properties": {**properties, "provisioningState": "Updating" if known else "Creating"},
    }
    command = world.put(command_id, stored, hidden)
    headers = operations.start(
        world,
        request,
        kind="run command put",
        resource_id=command.id,
        seconds=None,
        done="vm_agent.written",
        vm_id=vm.id,
        child_id=command.id,
        mark=guests.mark_of(command),
    )
    vm_agent.begin_run(world, vm, command)
    return Response(200 if known else 201, _view(command, request), headers)


HANDLERS: dict[str, Handler] = {"run_commands.action_done": _action_done}
