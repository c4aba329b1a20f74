"""Errors as this resource provider words them: the code is the HTTP status as a string, the text has an activity id.

Recordings avd-sessionhost-delete and avd-usersessions (2026 runs): `{"error": {"code": "404", "message": "ActivityId:
<guid> Error: SessionHost does not exist"}}`.
"""

from __future__ import annotations

from emulator.wire import ArmError
from emulator.world import World


def error(world: World, status: int, text: str) -> ArmError:
    """An error of the broker."""
    return ArmError(status, str(status), f"ActivityId: {world.guid()} Error: {text}")


def pool_missing(world: World) -> ArmError:
    return error(world, 404, "HostPool does not exist")


def host_missing(world: World) -> ArmError:
    return error(world, 404, "SessionHost does not exist")


def session_missing(world: World, *, action: bool) -> ArmError:
    """Two texts are recorded: one on sendMessage, one on GET."""
    return error(world, 404, "User session ID not found" if action else "User session does not exist")


def bad_request(world: World, text: str) -> ArmError:
    return error(world, 400, text)
