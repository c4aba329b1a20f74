"""Microsoft.KeyVault in ARM."""

from __future__ import annotations

from emulator.keyvault import vaults
from emulator.routing import Route
from emulator.world import Handler

_NS = "Microsoft.KeyVault"
_SUBSCRIPTION = "/subscriptions/{subscription}/providers/" + _NS
_GROUP = "/subscriptions/{subscription}/resourceGroups/{group}/providers/" + _NS
_VAULT = _GROUP + "/vaults/{vault}"

ROUTES: list[Route] = [
    Route("PUT", _VAULT, vaults.create, f"{_NS}/vaults/write"),
    Route("PATCH", _VAULT, vaults.update, f"{_NS}/vaults/write"),
    Route("GET", _VAULT, vaults.get, f"{_NS}/vaults/read"),
    Route("DELETE", _VAULT, vaults.delete, f"{_NS}/vaults/delete"),
    Route("GET", _GROUP + "/vaults", vaults.list_, f"{_NS}/vaults/read"),
    Route("GET", _SUBSCRIPTION + "/vaults", vaults.list_, f"{_NS}/vaults/read"),
    Route("PUT", _VAULT + "/secrets/{secret}", vaults.put_secret, f"{_NS}/vaults/secrets/write"),
    Route("GET", _VAULT + "/secrets/{secret}", vaults.get_secret, f"{_NS}/vaults/secrets/read"),
    Route("GET", _VAULT + "/secrets", vaults.list_secrets, f"{_NS}/vaults/secrets/read"),
]

HANDLERS: dict[str, Handler] = {}
