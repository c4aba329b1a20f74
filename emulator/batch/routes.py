"""Microsoft.Batch: accounts and pools in ARM, and the data plane of the accounts."""

from __future__ import annotations

from emulator.batch import accounts, data_plane, data_plane_jobs, nodes, pools, steps, tasks, upgrades
from emulator.routing import Route
from emulator.world import Handler

_NS = "Microsoft.Batch"
_SUBSCRIPTION = "/subscriptions/{subscription}/providers/" + _NS
_GROUP = "/subscriptions/{subscription}/resourceGroups/{group}/providers/" + _NS
_ACCOUNT = _GROUP + "/batchAccounts/{account}"
_POOL = _ACCOUNT + "/pools/{pool}"
_ACTION = f"{_NS}/batchAccounts"

ROUTES: list[Route] = [
    Route("PUT", _ACCOUNT, accounts.create, f"{_ACTION}/write"),
    Route("PATCH", _ACCOUNT, accounts.update, f"{_ACTION}/write"),
    Route("GET", _ACCOUNT, accounts.get, f"{_ACTION}/read"),
    Route("DELETE", _ACCOUNT, accounts.delete, f"{_ACTION}/delete"),
    Route("POST", _ACCOUNT + "/listKeys", accounts.list_keys, f"{_ACTION}/listKeys/action"),
    Route("GET", _GROUP + "/batchAccounts", accounts.list_, f"{_ACTION}/read"),
    Route("GET", _SUBSCRIPTION + "/batchAccounts", accounts.list_, f"{_ACTION}/read"),
    Route("PUT", _POOL, pools.create, f"{_ACTION}/pools/write"),
    Route("PATCH", _POOL, pools.update, f"{_ACTION}/pools/write"),
    Route("GET", _POOL, pools.get, f"{_ACTION}/pools/read"),
    Route("DELETE", _POOL, pools.delete, f"{_ACTION}/pools/delete"),
    Route("GET", _ACCOUNT + "/pools", pools.list_, f"{_ACTION}/pools/read"),
]

DATA_PLANE: list[Route] = [*data_plane.ROUTES, *data_plane_jobs.ROUTES]

HANDLERS: dict[str, Handler] = {
    **accounts.HANDLERS,
    **pools.HANDLERS,
    **nodes.HANDLERS,
    **steps.HANDLERS,
    **tasks.HANDLERS,
    **upgrades.HANDLERS,
}
