"""Microsoft.Resources: subscriptions, resource groups, resource lists, tags, and the providers' registration."""

from __future__ import annotations

from emulator.resources import features, groups, subscriptions, tags
from emulator.resources.deletion import group_deleted
from emulator.routing import Route
from emulator.world import Handler

_GROUPS = "/subscriptions/{subscription}/resourceGroups"
_GROUP = _GROUPS + "/{group}"
_TAGS = "/{scope*}/providers/Microsoft.Resources/tags/default"
_RG = "Microsoft.Resources/subscriptions/resourceGroups"

# Lists and reads of subscriptions show each principal what it has a role for, so they name no action.
ROUTES: list[Route] = [
    Route("GET", "/tenants", subscriptions.list_tenants, None),
    Route("GET", "/subscriptions", subscriptions.list_, None),
    Route("GET", "/subscriptions/{subscription}", subscriptions.get, None),
    Route("GET", "/subscriptions/{subscription}/locations", subscriptions.list_locations, None),
    Route("GET", "/subscriptions/{subscription}/providers", subscriptions.list_providers, None),
    Route("GET", "/subscriptions/{subscription}/providers/{namespace}", subscriptions.get_provider, None),
    Route("POST", "/subscriptions/{subscription}/providers/{namespace}/register", subscriptions.get_provider, None),
    Route("GET", "/subscriptions/{subscription}/resources", groups.list_resources, None),
    Route("GET", _GROUPS, groups.list_, None),
    Route("PUT", _GROUP, groups.create, f"{_RG}/write"),
    Route("PATCH", _GROUP, groups.update, f"{_RG}/write"),
    Route("GET", _GROUP, groups.get, f"{_RG}/read"),
    Route("HEAD", _GROUP, groups.head, f"{_RG}/read"),
    Route("DELETE", _GROUP, groups.delete, f"{_RG}/delete"),
    Route("GET", _GROUP + "/resources", groups.list_resources, None),
    Route("GET", _TAGS, tags.get, "Microsoft.Resources/tags/read"),
    Route("PUT", _TAGS, tags.replace, "Microsoft.Resources/tags/write"),
    Route("PATCH", _TAGS, tags.update, "Microsoft.Resources/tags/write"),
    Route("DELETE", _TAGS, tags.remove, "Microsoft.Resources/tags/delete"),
    *features.ROUTES,
]

HANDLERS: dict[str, Handler] = {"resources.group_deleted": group_deleted}
