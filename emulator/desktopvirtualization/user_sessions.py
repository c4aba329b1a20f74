"""User sessions: lists at both levels, message, disconnect, log off."""

from __future__ import annotations

from emulator import capacity, users
from emulator.desktopvirtualization import errors, host_pools, paging, session_hosts
from emulator.desktopvirtualization.broker import Broker, Session, broker_of, report
from emulator.durations import draw
from emulator.wire import Body, Request, Response
from emulator.world import Resource, World

TYPE = "Microsoft.DesktopVirtualization/hostpools/sessionhosts/usersessions"


def render(world: World, record: Resource, session: Session, *, names: bool) -> Body:
    """A session as an answer shows it; the pool-level list leaves two properties null (recording)."""
    account = session.user.split("@")[0]
    return {
        "name": f"{record.body['name']}/{session.number}",
        "id": f"{record.body['id']}/usersessions/{session.number}",
        "type": TYPE,
        "properties": {
            "objectId": session.object_id,
            "userPrincipalName": session.user,
            "sessionState": session.state,
            "applicationType": "Desktop",
            "activeDirectoryUserName": f"{users.DOMAIN}\\{account}" if names else None,
            "createTime": world.iso(session.created) if names else None,
        },
    }


def list_of_host(world: World, request: Request, parameters: dict[str, str]) -> Response:
    record = session_hosts.record_of_path(world, parameters)
    sessions = session_hosts.sessions_of(world, record)
    return paging.page(request, [render(world, record, session, names=True) for session in sessions.values()])


def list_of_pool(world: World, request: Request, parameters: dict[str, str]) -> Response:
    """All sessions of a pool, in another order than per host (recording: newest first). `$filter` on
    userPrincipalName or sessionState with `eq` is understood."""
    pool = host_pools.pool_of(world, parameters)
    wanted = _filter(world, request.query.get("$filter", ""))
    found: list[Body] = []
    for record_id, sessions in broker_of(world, pool.id).hosts.items():
        record = world.get(record_id)
        if record is not None:
            found += [render(world, record, session, names=False) for session in reversed(sessions.values())]
    if wanted is not None:
        name, value = wanted
        found = [body for body in found if str(body["properties"].get(name, "")).lower() == value.lower()]
    return paging.page(request, found)


def get(world: World, request: Request, parameters: dict[str, str]) -> Response:
    _, record, session = _find(world, parameters, action=False)
    return Response(200, render(world, record, session, names=True))


def send_message(world: World, request: Request, parameters: dict[str, str]) -> Response:
    """200 with an empty body. A disconnected user does not see it."""
    broker, _, session = _find(world, parameters, action=True)
    given = request.body if isinstance(request.body, dict) else {}
    title, text = given.get("messageTitle"), given.get("messageBody")
    if not isinstance(title, str) or not isinstance(text, str) or not text:
        raise errors.bad_request(world, "messageTitle and messageBody are required")
    report(world, broker, session, "message", f"{title}: {text}" if title else text)
    users.message_seen(world, broker, session)
    return Response(200)


def disconnect(world: World, request: Request, parameters: dict[str, str]) -> Response:
    """200 with an empty body; the session stays, in state Disconnected."""
    broker, _, session = _find(world, parameters, action=True)
    if session.state == "Active" and not session.lost:
        users.disconnected(world, broker, session)
    return Response(200)


def log_off(world: World, request: Request, parameters: dict[str, str]) -> Response:
    """200 at once; the session leaves the list some seconds later (recording: the GET of the same second shows it)."""
    broker, _, session = _find(world, parameters, action=True)
    if not session.ending and not session.lost:
        session.ending = True
        seconds = draw(world, "avd log off")
        world.schedule(seconds, "avd.logged_off", pool=broker.id, host=session.host, number=session.number)
    return Response(200)


def logged_off(world: World, pool: str, host: str, number: int) -> None:
    """Event: a log-off by the administrator is through."""
    broker = broker_of(world, pool)
    session = broker.hosts.get(host, {}).get(number)
    if session is not None and not session.lost:
        users.forced_off(world, broker, session)
        capacity.pool_changed(world, broker.id)


def _find(world: World, parameters: dict[str, str], *, action: bool) -> tuple[Broker, Resource, Session]:
    record = session_hosts.record_of_path(world, parameters)
    number = parameters["session"]
    sessions = session_hosts.sessions_of(world, record)
    session = sessions.get(int(number)) if number.isdigit() else None
    if session is None:
        raise errors.session_missing(world, action=action)
    return broker_of(world, "/".join(record.id.split("/")[:9])), record, session


def _filter(world: World, text: str) -> tuple[str, str] | None:
    if not text.strip():
        return None
    words = text.split()
    if len(words) != 3 or words[1].lower() != "eq" or words[0] not in ("userPrincipalName", "sessionState"):
        raise errors.bad_request(world, f"Filter '{text}' is not supported")
    return words[0], words[2].strip("'")
