"""Run Command: scripts inside the guest, as an action (no secrets) or as a managed resource (protected parameters)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cloud.api_versions import VIRTUAL_MACHINES
from cloud.connection import Connection, content
from cloud.ids import parse
from rollout.arm import name_of
from rollout.azure import Body
from rollout.errors import NotFound, OperationFailed


class RunCommandOperations:
    """The Run Command part of `rollout.azure.Azure`."""

    connection: Connection

    async def run_command(self, vm_id: str, script: Sequence[str]) -> str:
        vm = parse(vm_id)
        operation = f"POST virtualMachines/{vm.name}/runCommand"
        output = await self.connection.run(
            operation,
            self.connection.compute(vm.subscription).virtual_machines.begin_run_command,
            vm.group,
            vm.name,
            content({"commandId": "RunPowerShellScript", "script": list(script)}),
        )
        if not isinstance(output, dict):
            raise OperationFailed(200, "OutputLost", "the command ended, but its output could not be read", operation)
        return _written(output)

    async def remove_run_command(self, vm_id: str) -> None:
        """learn.microsoft.com/azure/virtual-machines/windows/run-command: RemoveRunCommandWindowsExtension."""
        vm = parse(vm_id)
        await self.connection.run(
            f"POST virtualMachines/{vm.name}/runCommand",
            self.connection.compute(vm.subscription).virtual_machines.begin_run_command,
            vm.group,
            vm.name,
            content({"commandId": "RemoveRunCommandWindowsExtension"}),
        )

    async def run_protected_command(
        self, vm_id: str, name: str, script: Sequence[str], protected: Mapping[str, str]
    ) -> str:
        view = await self.run_script(vm_id, name, script, protected)
        return _result(view, f"run command {name} on {name_of(vm_id)}")

    async def run_script(
        self, vm_id: str, name: str, script: Sequence[str], protected: Mapping[str, str], *, limit: float = 0.0
    ) -> Body:
        vm = parse(vm_id)
        operation = f"PUT virtualMachines/{vm.name}/runCommands/{name}"
        commands = self.connection.compute(vm.subscription).virtual_machine_run_commands
        host = await self.connection.get(vm_id, VIRTUAL_MACHINES)
        if host is None:
            raise NotFound(404, "ResourceNotFound", f"the VM {vm.name} does not exist", operation)
        body: Body = {
            "location": host["location"],
            "properties": {
                "source": {"script": "\n".join(script)},
                "protectedParameters": [{"name": key, "value": value} for key, value in protected.items()],
                "asyncExecution": False,
                "treatFailureAsDeploymentFailure": False,
            },
        }
        if limit:
            body["properties"]["timeoutInSeconds"] = int(limit)
        try:
            put = commands.begin_create_or_update
            await self.connection.run(operation, put, vm.group, vm.name, name, content(body))
            command = await self.connection.get(f"{vm_id}/runCommands/{name}", VIRTUAL_MACHINES, **INSTANCE_VIEW)
        finally:
            await self.delete_run_command(vm_id, name)
        view: Body = ((command or {}).get("properties") or {}).get("instanceView") or {}
        return view

    async def list_run_commands(self, vm_id: str) -> list[str]:
        found = await self.connection.list(f"{vm_id}/runCommands", VIRTUAL_MACHINES)
        return [str(body["name"]).rsplit("/", 1)[-1] for body in found]

    async def delete_run_command(self, vm_id: str, name: str) -> None:
        vm = parse(vm_id)
        operation = f"DELETE virtualMachines/{vm.name}/runCommands/{name}"
        delete = self.connection.compute(vm.subscription).virtual_machine_run_commands.begin_delete
        await self.connection.run(operation, delete, vm.group, vm.name, name)


INSTANCE_VIEW = {"$expand": "instanceView"}


def _result(view: Body, operation: str) -> str:
    """The output of a managed run command's instance view; OperationFailed for another exit code than 0."""
    output, error = str(view.get("output") or ""), str(view.get("error") or "")
    code = int(view.get("exitCode") or 0)
    if code or view.get("executionState") in ("Failed", "TimedOut", "Canceled"):
        said = (error or output or str(view.get("executionMessage") or "")).strip()[-300:]
        raise OperationFailed(200, str(view.get("executionState") or "Failed"), f"exit code {code}: {said}", operation)
    return output + (f"\n--- stderr\n{error}" if error else "")


def _written(output: Body) -> str:
    """Standard output, then standard error after a line `--- stderr` where there is any.

    `{"value": [{"code": "ComponentStatus/StdOut/succeeded", "message"}, {"code": "ComponentStatus/StdErr/succeeded",
    "message"}]}` (recording compute-vm-runcommand-action).
    """
    streams = {"stdout": "", "stderr": ""}
    for status in output.get("value") or []:
        parts = str(status.get("code") or "").lower().split("/")
        if len(parts) > 1:
            stream = "stderr" if parts[1] == "stderr" else "stdout"
            streams[stream] += str(status.get("message") or "")
    return streams["stdout"] + (f"\n--- stderr\n{streams['stderr']}" if streams["stderr"] else "")
