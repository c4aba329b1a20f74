"""Microsoft.Maintenance: configurations and their assignments."""

from __future__ import annotations

from emulator.maintenance import configurations
from emulator.routing import Route

_NS = "Microsoft.Maintenance"
_GROUP = "/subscriptions/{subscription}/resourceGroups/{group}/providers/" + _NS
_SUBSCRIPTION = "/subscriptions/{subscription}/providers/" + _NS
_CONFIGURATION = _GROUP + "/maintenanceConfigurations/{configuration}"
_ASSIGNMENTS = (
    "/subscriptions/{subscription}/resourceGroups/{group}/providers/{provider}/{type}/{name}/providers/"
    "Microsoft.Maintenance/configurationAssignments"
)
_ASSIGNMENT = _ASSIGNMENTS + "/{assignment}"
_C, _A = f"{_NS}/maintenanceConfigurations", f"{_NS}/configurationAssignments"

ROUTES: list[Route] = [
    Route("PUT", _CONFIGURATION, configurations.put, f"{_C}/write"),
    Route("GET", _CONFIGURATION, configurations.get, f"{_C}/read"),
    Route("DELETE", _CONFIGURATION, configurations.delete, f"{_C}/delete"),
    Route("GET", _GROUP + "/maintenanceConfigurations", configurations.list_, f"{_C}/read"),
    Route("GET", _SUBSCRIPTION + "/maintenanceConfigurations", configurations.list_, f"{_C}/read"),
    Route("PUT", _ASSIGNMENT, configurations.put_assignment, f"{_A}/write"),
    Route("GET", _ASSIGNMENT, configurations.get_assignment, f"{_A}/read"),
    Route("DELETE", _ASSIGNMENT, configurations.delete_assignment, f"{_A}/delete"),
    Route("GET", _ASSIGNMENTS, configurations.list_assignments, f"{_A}/read"),
]
