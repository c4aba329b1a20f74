"""Microsoft.Compute: virtual machines, their extensions and run commands, disks. Images are in image_routes.py."""

from __future__ import annotations

from emulator.compute import disks, extensions, power, run_commands, virtual_machines, vm_agent, vm_creation
from emulator.routing import Route
from emulator.world import Handler

_GROUP = "/subscriptions/{subscription}/resourceGroups/{resourcegroup}/providers/Microsoft.Compute"
_SUBSCRIPTION = "/subscriptions/{subscription}/providers/Microsoft.Compute"
_VM = _GROUP + "/virtualMachines/{vm}"
_EXTENSION = _VM + "/extensions/{extension}"
_COMMAND = _VM + "/runCommands/{command}"
_DISK = _GROUP + "/disks/{disk}"
_A = "Microsoft.Compute/virtualMachines"

ROUTES: list[Route] = [
    Route("GET", _SUBSCRIPTION + "/virtualMachines", virtual_machines.list_, f"{_A}/read"),
    Route("GET", _GROUP + "/virtualMachines", virtual_machines.list_, f"{_A}/read"),
    Route("PUT", _VM, virtual_machines.create_or_update, f"{_A}/write"),
    Route("PATCH", _VM, virtual_machines.update, f"{_A}/write"),
    Route("GET", _VM, virtual_machines.get, f"{_A}/read"),
    Route("DELETE", _VM, virtual_machines.delete, f"{_A}/delete"),
    Route("GET", _VM + "/instanceView", virtual_machines.get_instance_view, f"{_A}/instanceView/read"),
    Route("GET", _VM + "/vmSizes", virtual_machines.list_sizes, f"{_A}/vmSizes/read"),
    Route("POST", _VM + "/start", power.start, f"{_A}/start/action"),
    Route("POST", _VM + "/deallocate", power.deallocate, f"{_A}/deallocate/action"),
    Route("POST", _VM + "/powerOff", power.power_off, f"{_A}/powerOff/action"),
    Route("POST", _VM + "/restart", power.restart, f"{_A}/restart/action"),
    Route("POST", _VM + "/redeploy", power.redeploy, f"{_A}/redeploy/action"),
    Route("POST", _VM + "/reapply", power.reapply, f"{_A}/reapply/action"),
    Route("POST", _VM + "/generalize", power.generalize, f"{_A}/generalize/action"),
    Route(
        "POST",
        _VM + "/retrieveBootDiagnosticsData",
        power.boot_diagnostics,
        f"{_A}/retrieveBootDiagnosticsData/action",
    ),
    Route("POST", _VM + "/runCommand", run_commands.run, f"{_A}/runCommand/action"),
    Route("GET", _VM + "/extensions", extensions.list_, f"{_A}/extensions/read"),
    Route("PUT", _EXTENSION, extensions.create_or_update, f"{_A}/extensions/write"),
    Route("PATCH", _EXTENSION, extensions.update, f"{_A}/extensions/write"),
    Route("GET", _EXTENSION, extensions.get, f"{_A}/extensions/read"),
    Route("DELETE", _EXTENSION, extensions.delete, f"{_A}/extensions/delete"),
    Route("GET", _VM + "/runCommands", run_commands.list_, f"{_A}/runCommands/read"),
    Route("PUT", _COMMAND, run_commands.create_or_update, f"{_A}/runCommands/write"),
    Route("PATCH", _COMMAND, run_commands.update, f"{_A}/runCommands/write"),
    Route("GET", _COMMAND, run_commands.get, f"{_A}/runCommands/read"),
    Route("DELETE", _COMMAND, run_commands.delete, f"{_A}/runCommands/delete"),
    Route("GET", _SUBSCRIPTION + "/disks", disks.list_, "Microsoft.Compute/disks/read"),
    Route("GET", _GROUP + "/disks", disks.list_, "Microsoft.Compute/disks/read"),
    Route("PUT", _DISK, disks.create_or_update, "Microsoft.Compute/disks/write"),
    Route("PATCH", _DISK, disks.update, "Microsoft.Compute/disks/write"),
    Route("GET", _DISK, disks.get, "Microsoft.Compute/disks/read"),
    Route("DELETE", _DISK, disks.delete, "Microsoft.Compute/disks/delete"),
    Route("POST", _DISK + "/beginGetAccess", disks.begin_get_access, "Microsoft.Compute/disks/beginGetAccess/action"),
    Route("POST", _DISK + "/endGetAccess", disks.end_get_access, "Microsoft.Compute/disks/endGetAccess/action"),
]

HANDLERS: dict[str, Handler] = {
    **virtual_machines.HANDLERS,
    **vm_creation.HANDLERS,
    **power.HANDLERS,
    **disks.HANDLERS,
    **vm_agent.HANDLERS,
    **run_commands.HANDLERS,
}
