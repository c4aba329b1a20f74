"""The routes of Microsoft.DesktopVirtualization, and what happens in it as time passes."""

from __future__ import annotations

from emulator import users
from emulator.desktopvirtualization import agent, host_pools, scaling_plans, session_hosts, user_sessions
from emulator.routing import Route
from emulator.world import Handler

_SUBSCRIPTION = "/subscriptions/{subscription}/providers/Microsoft.DesktopVirtualization"
_GROUP = "/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.DesktopVirtualization"
_POOL = _GROUP + "/hostPools/{pool}"
_HOST = _POOL + "/sessionHosts/{host}"
_SESSION = _HOST + "/userSessions/{session}"
_PLAN = _GROUP + "/scalingPlans/{plan}"
_ACTION = "Microsoft.DesktopVirtualization/"
_SESSIONS = _ACTION + "hostpools/sessionhosts/usersessions/"

ROUTES: list[Route] = [
    Route("GET", _SUBSCRIPTION + "/hostPools", host_pools.list_all, _ACTION + "hostpools/read"),
    Route("GET", _GROUP + "/hostPools", host_pools.list_all, _ACTION + "hostpools/read"),
    Route("GET", _POOL, host_pools.get, _ACTION + "hostpools/read"),
    Route("PUT", _POOL, host_pools.put, _ACTION + "hostpools/write"),
    Route("PATCH", _POOL, host_pools.patch, _ACTION + "hostpools/write"),
    Route("DELETE", _POOL, host_pools.delete, _ACTION + "hostpools/delete"),
    Route(
        "POST",
        _POOL + "/retrieveRegistrationToken",
        host_pools.retrieve_token,
        _ACTION + "hostpools/retrieveRegistrationToken/action",
    ),
    Route(
        "POST",
        _POOL + "/listRegistrationTokens",
        host_pools.list_tokens,
        _ACTION + "hostpools/listRegistrationTokens/action",
    ),
    Route("GET", _POOL + "/sessionHosts", session_hosts.list_all, _ACTION + "hostpools/sessionhosts/read"),
    Route("GET", _HOST, session_hosts.get, _ACTION + "hostpools/sessionhosts/read"),
    Route("PATCH", _HOST, session_hosts.patch, _ACTION + "hostpools/sessionhosts/write"),
    Route("DELETE", _HOST, session_hosts.delete, _ACTION + "hostpools/sessionhosts/delete"),
    # The action of the pool-level list follows ARM's rule (type path + read); it is in no published role.
    Route("GET", _POOL + "/userSessions", user_sessions.list_of_pool, _ACTION + "hostpools/usersessions/read"),
    Route("GET", _HOST + "/userSessions", user_sessions.list_of_host, _SESSIONS + "read"),
    Route("GET", _SESSION, user_sessions.get, _SESSIONS + "read"),
    Route("DELETE", _SESSION, user_sessions.log_off, _SESSIONS + "delete"),
    Route("POST", _SESSION + "/sendMessage", user_sessions.send_message, _SESSIONS + "sendMessage/action"),
    Route("POST", _SESSION + "/disconnect", user_sessions.disconnect, _SESSIONS + "disconnect/action"),
    Route("GET", _POOL + "/scalingPlans", scaling_plans.list_by_pool, _ACTION + "scalingplans/read"),
    Route("GET", _SUBSCRIPTION + "/scalingPlans", scaling_plans.list_all, _ACTION + "scalingplans/read"),
    Route("GET", _GROUP + "/scalingPlans", scaling_plans.list_all, _ACTION + "scalingplans/read"),
    Route("GET", _PLAN, scaling_plans.get, _ACTION + "scalingplans/read"),
    Route("PUT", _PLAN, scaling_plans.put, _ACTION + "scalingplans/write"),
    Route("PATCH", _PLAN, scaling_plans.patch, _ACTION + "scalingplans/write"),
    Route("DELETE", _PLAN, scaling_plans.delete, _ACTION + "scalingplans/delete"),
]

HANDLERS: dict[str, Handler] = {
    **agent.HANDLERS,
    **scaling_plans.HANDLERS,
    **users.HANDLERS,
    "avd.logged_off": user_sessions.logged_off,
}
