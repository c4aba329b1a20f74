"""The request log: every ARM and data-plane call with the actions that were checked and the fault that struck.

`GET /emulator/requests?since=N` returns it; app.py writes one entry a call.
"""

from __future__ import annotations

from typing import cast

from emulator.wire import Body, Request
from emulator.world import World

SECTION = "requests"


def record(world: World, request: Request, *, status: int, action: str | None = None, fault: str | None = None) -> None:
    """Add a call. `status` 0 is a connection that was closed without an answer; `n` counts from 1."""
    entries = world.sections.setdefault(SECTION, [])
    entries.append(
        {
            "n": len(entries) + 1,
            "time": world.iso(),
            "principal": request.principal.client_id if request.principal else None,
            "method": request.method,
            "path": request.path,
            "api_version": request.api_version or None,
            "status": status,
            "action": action,
            "fault": fault,
            **({"linked": list(request.linked)} if request.linked else {}),
        }
    )


def since(world: World, n: int) -> list[Body]:
    """The entries after number `n`, in order."""
    return cast(list[Body], world.sections.get(SECTION, [])[max(0, n) :])
