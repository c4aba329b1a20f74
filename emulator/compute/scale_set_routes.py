"""Microsoft.Compute/virtualMachineScaleSets and what belongs to it."""

from __future__ import annotations

from emulator.compute import (
    published_versions,
    scale_set_actions,
    scale_set_extensions,
    scale_set_guests,
    scale_set_hooks,
    scale_set_imaging,
    scale_set_instances,
    scale_set_operations,
    scale_set_surge,
    scale_set_triggers,
    scale_set_upgrade_calls,
    scale_set_upgrade_status,
    scale_set_upgrades,
    scale_sets,
)
from emulator.routing import Route
from emulator.world import Handler

_SUBSCRIPTION = "/subscriptions/{subscription}/providers/Microsoft.Compute"
_GROUP = "/subscriptions/{subscription}/resourceGroups/{resourcegroup}/providers/Microsoft.Compute"
_SET = _GROUP + "/virtualMachineScaleSets/{set}"
_INSTANCE = _SET + "/virtualMachines/{instance}"
_EXTENSION = _SET + "/extensions/{extension}"
_A = "Microsoft.Compute/virtualMachineScaleSets"

ROUTES: list[Route] = [
    Route("GET", _SUBSCRIPTION + "/virtualMachineScaleSets", scale_sets.list_, f"{_A}/read"),
    Route("GET", _GROUP + "/virtualMachineScaleSets", scale_sets.list_, f"{_A}/read"),
    Route("PUT", _SET, scale_sets.create_or_update, f"{_A}/write"),
    Route("PATCH", _SET, scale_sets.update, f"{_A}/write"),
    Route("GET", _SET, scale_sets.get, f"{_A}/read"),
    Route("DELETE", _SET, scale_sets.delete, f"{_A}/delete"),
    Route("GET", _SET + "/instanceView", scale_sets.get_instance_view, f"{_A}/instanceView/read"),
    Route("GET", _SET + "/skus", scale_sets.list_skus, f"{_A}/skus/read"),
    Route("POST", _SET + "/start", scale_set_actions.start, f"{_A}/start/action"),
    Route("POST", _SET + "/restart", scale_set_actions.restart, f"{_A}/restart/action"),
    Route("POST", _SET + "/powerOff", scale_set_actions.power_off, f"{_A}/powerOff/action"),
    Route("POST", _SET + "/deallocate", scale_set_actions.deallocate, f"{_A}/deallocate/action"),
    Route("POST", _SET + "/delete", scale_set_actions.delete_instances, f"{_A}/delete/action"),
    Route("POST", _SET + "/reimage", scale_set_actions.reimage, f"{_A}/reimage/action"),
    Route("POST", _SET + "/manualupgrade", scale_set_actions.manual_upgrade, f"{_A}/manualUpgrade/action"),
    Route("GET", _SET + "/extensions", scale_set_extensions.list_, f"{_A}/extensions/read"),
    Route("GET", _EXTENSION, scale_set_extensions.get, f"{_A}/extensions/read"),
    Route("PUT", _EXTENSION, scale_set_extensions.create_or_update, f"{_A}/extensions/write"),
    Route("DELETE", _EXTENSION, scale_set_extensions.delete, f"{_A}/extensions/delete"),
    Route(
        "POST", _SET + "/osRollingUpgrade", scale_set_upgrade_calls.start_os_upgrade, f"{_A}/osRollingUpgrade/action"
    ),
    Route(
        "POST",
        _SET + "/extensionRollingUpgrade",
        scale_set_upgrade_calls.start_extension_upgrade,
        f"{_A}/extensionRollingUpgrade/action",  # unverified name
    ),
    # "Cancels the rolling upgrade of a Virtual Machine Scale Set" (resource provider operations)
    Route("POST", _SET + "/rollingUpgrades/cancel", scale_set_upgrade_calls.cancel, f"{_A}/rollingUpgrades/action"),
    Route("GET", _SET + "/rollingUpgrades/latest", scale_set_upgrade_status.get_latest, f"{_A}/rollingUpgrades/read"),
    Route("GET", _SET + "/osUpgradeHistory", scale_set_upgrade_status.get_history, f"{_A}/osUpgradeHistory/read"),
    Route(
        "POST",
        _SET + "/approveRollingUpgrade",
        scale_set_upgrade_calls.approve,
        f"{_A}/approveRollingUpgrade/action",
    ),
    Route(
        "POST",
        _INSTANCE + "/approveRollingUpgrade",
        scale_set_upgrade_calls.approve,
        f"{_A}/virtualMachines/approveRollingUpgrade/action",
    ),
    Route("GET", _SET + "/lifecycleHookEvents", scale_set_hooks.list_, f"{_A}/lifecycleHookEvents/read"),
    Route("GET", _SET + "/lifecycleHookEvents/{event}", scale_set_hooks.get, f"{_A}/lifecycleHookEvents/read"),
    Route("PATCH", _SET + "/lifecycleHookEvents/{event}", scale_set_hooks.update, f"{_A}/lifecycleHookEvents/write"),
    Route("GET", _SET + "/virtualMachines", scale_set_instances.list_, f"{_A}/virtualMachines/read"),
    Route("GET", _INSTANCE, scale_set_instances.get, f"{_A}/virtualMachines/read"),
    Route("DELETE", _INSTANCE, scale_set_actions.delete_instances, f"{_A}/virtualMachines/delete"),
    Route(
        "GET",
        _INSTANCE + "/instanceView",
        scale_set_instances.get_instance_view,
        f"{_A}/virtualMachines/instanceView/read",
    ),
    Route("POST", _INSTANCE + "/start", scale_set_actions.start, f"{_A}/virtualMachines/start/action"),
    Route("POST", _INSTANCE + "/restart", scale_set_actions.restart, f"{_A}/virtualMachines/restart/action"),
    Route("POST", _INSTANCE + "/powerOff", scale_set_actions.power_off, f"{_A}/virtualMachines/powerOff/action"),
    Route("POST", _INSTANCE + "/deallocate", scale_set_actions.deallocate, f"{_A}/virtualMachines/deallocate/action"),
    Route("POST", _INSTANCE + "/reimage", scale_set_actions.reimage, f"{_A}/virtualMachines/reimage/action"),
]

HANDLERS: dict[str, Handler] = {
    **scale_sets.HANDLERS,
    **scale_set_operations.HANDLERS,
    **scale_set_guests.HANDLERS,
    **scale_set_imaging.HANDLERS,
    **scale_set_actions.HANDLERS,
    **scale_set_surge.HANDLERS,
    **scale_set_upgrades.HANDLERS,
    **scale_set_triggers.HANDLERS,
    **published_versions.HANDLERS,
}
