"""I8: no secret is anywhere but where it is used, however a rollout ends.

Marked secrets are planted, and looked for in all that a run says, writes, sends and leaves behind. What is sent is what
the SDK clients hand to the wire, not what the emulator makes of it.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import logging
import traceback
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from azure.core.credentials import AccessToken
from azure.core.rest import HttpRequest
from click.testing import CliRunner

import simulation.emulated_pool
import simulation.in_process
from emulator import scenario
from emulator.wire import Request
from hostpool.main import main
from hostpool.session import World
from rollout import names
from rollout.audit import Audit
from rollout.errors import AzureError, LeaseLost, RolloutError
from rollout.notices import Notices
from rollout.record import Phase, decode
from simulation.process import Died, Process
from simulation.virtual_time import virtually
from simulation.wire import AnyToken
from tests.support.pools import INPUTS, POOL, Bench, bench

JOIN_PASSWORD, ADMIN_NAME, ADMIN_PASSWORD = "M4rked-Join-Passw0rd", "m4rkedadmin", "M4rked-Admin-Passw0rd"
ACCESS_TOKEN = "m4rked-access-token"
PLANTED = {
    "domain-join-password": JOIN_PASSWORD,
    "local-admin-name": ADMIN_NAME,
    "local-admin-password": ADMIN_PASSWORD,
}
AVD_API = "2024-04-03"
ENTRA = {"type": "entra", "mdm_id": "0000000a-0000-0000-c000-000000000000"}
HIDDEN = {"protectedsettings", "protectedparameters", "adminpassword"}
"""Where Azure takes secrets and never shows them again."""
AZURES_OWN = {"adminusername", "registrationinfo"}
"""What Azure itself shows to whoever may read the VM or the pool: the administrator's name, the token's place."""


def public(value: Any) -> Any:
    """A body without the fields that are made for secrets."""
    if isinstance(value, Mapping):
        return {key: public(item) for key, item in value.items() if str(key).lower() not in HIDDEN | AZURES_OWN}
    return [public(item) for item in value] if isinstance(value, list | tuple) else value


@dataclass
class Overheard:
    """All that left the engine during a story."""

    sent: list[HttpRequest] = field(default_factory=list)
    raised: list[BaseException] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)

    def requests(self) -> str:
        """Addresses, headers and public parts of bodies."""
        lines = []
        for request in self.sent:
            headers = {name: value for name, value in request.headers.items() if name.lower() != "authorization"}
            content = getattr(request, "content", None)
            lines.append(f"{request.method} {request.url} {headers}")
            lines.append(json.dumps(public(json.loads(content))) if content else "")
        return "\n".join(lines)

    def exceptions(self) -> str:
        """Tracebacks, and each exception of each chain by itself."""
        lines = []
        for error in self.raised:
            lines += traceback.format_exception(error)
            link: BaseException | None = error
            while link is not None:
                lines.append(f"{link!r} {link} {link.args!r}")
                link = link.__cause__ or link.__context__
        return "\n".join(lines)


class Listening:
    """Azure, whose every exception is noted."""

    def __init__(self, azure: Any, raised: list[BaseException]) -> None:
        self._azure, self._raised = azure, raised

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._azure, name)
        if not inspect.iscoroutinefunction(found):
            return found

        async def call(*arguments: Any, **options: Any) -> Any:
            try:
                return await found(*arguments, **options)
            except BaseException as error:
                self._raised.append(error)
                raise

        return call


@pytest.fixture
def overheard(monkeypatch: pytest.MonkeyPatch) -> Overheard:
    """Secrets are planted, and everybody listens."""
    heard = Overheard()
    for name, value in PLANTED.items():
        monkeypatch.setitem(scenario.SECRETS, name, value)

    async def token(self: AnyToken, *scopes: str, **options: Any) -> AccessToken:
        return AccessToken(ACCESS_TOKEN, 2**40)

    monkeypatch.setattr(AnyToken, "get_token", token)
    understood, run = simulation.in_process.emulated, simulation.emulated_pool.run

    def noted(request: HttpRequest, *rest: Any) -> Request:
        heard.sent.append(request)
        return understood(request, *rest)

    async def listened(azure: Any, *arguments: Any, **options: Any) -> Any:
        try:
            outcome = await run(Listening(azure, heard.raised), *arguments, **options)  # type: ignore[arg-type]
        except BaseException as error:
            heard.raised.append(error)
            raise
        heard.ended.append(repr(outcome))
        return outcome

    monkeypatch.setattr(simulation.in_process, "emulated", noted)
    monkeypatch.setattr(simulation.emulated_pool, "run", listened)
    return heard


# -- the stories


def fault(made: Bench, *rules: dict[str, Any]) -> None:
    numbered = [{"id": f"rule-{n}", **rule} for n, rule in enumerate(rules)]
    made.control("POST", "faults", {"seed": 1, "rules": numbered})


def guest(name: str) -> dict[str, Any]:
    return {"effect": {"type": "guest", "host": "^vm-", "image": r"1\.0\.1$", "fault": name}}


async def until(made: Bench, phase: Phase) -> None:
    while True:
        found = decode((made.vm("vm-0").get("tags") or {}).get(names.RECORD))
        if found is not None and found.p is phase:
            return
        await made.clock.sleep(10)


async def complete(made: Bench) -> None:
    assert (await made.roll()).status == "complete"


async def bad_image(made: Bench) -> None:
    fault(made, guest("unhealthy"))
    assert (await made.roll(verify={"timeout": "PT30M"})).hosts["rolled_back"]


async def never_registers(made: Bench) -> None:
    fault(made, guest("never_registers"))
    assert (await made.roll(verify={"timeout": "PT25M"})).hosts["rolled_back"]


async def wrong_password(made: Bench) -> None:
    wrong = {**INPUTS["join"], "password_secret": INPUTS["local_admin"]["password_secret"]}
    assert (await made.roll(join=wrong)).status == "stopped"


async def vault_refuses(made: Bench) -> None:
    """From the domain join on."""
    rolling = asyncio.create_task(made.roll())
    await until(made, Phase.REJOIN)
    refused = {"type": "status", "status": 403, "code": "ForbiddenByFirewall"}
    fault(made, {"method": "GET", "path": "/keyvault/", "effect": refused})
    assert (await rolling).status == "stopped"


async def refused_writes(made: Bench) -> None:
    """Azure refuses, and drops, what carries secrets: temporary VM, extension, run command."""
    refused = {"type": "status", "status": 400, "code": "InvalidParameter"}
    fault(
        made,
        {"method": "PUT", "path": "/virtualMachines/avdtmp-[^/]*\\?", "nth": [1], "effect": refused},
        {"method": "PUT", "path": "/extensions/", "nth": [1], "effect": {"type": "drop", "when": "after"}},
        {"method": "PUT", "path": "/extensions/", "nth": [2], "effect": refused},
        {"method": "PUT", "path": "/runCommands/", "nth": [1], "effect": refused},
    )
    assert (await made.roll(max_failed=2.0)).status.startswith("complete")


async def unreachable(made: Bench) -> None:
    """In the middle of everything, for good."""
    rolling = asyncio.create_task(made.roll())
    await until(made, Phase.REJOIN)
    await made.clock.sleep(400)
    fault(made, {"path": ".", "effect": {"type": "drop", "when": "before"}})
    with pytest.raises((AzureError, RolloutError)):
        await rolling
    made.control("DELETE", "faults")


async def killed_in_repair(made: Bench) -> None:
    fault(made, guest("unhealthy"))
    process = Process("first@runner")

    def watch(exchange: Any) -> None:
        if "/runCommands/" in exchange.path and exchange.write:
            process.die("in the middle of a repair")

    made.wire.watchers.append(watch)
    with pytest.raises(Died):
        await made.roll(process=process, verify={"timeout": "PT30M"})
    made.wire.watchers.clear()
    assert (await made.roll(owner="second@runner", verify={"timeout": "PT30M"})).hosts["rolled_back"]


async def lost_lease(made: Bench) -> None:
    """Somebody else takes the pool while the first host is getting its agent."""
    rolling = asyncio.create_task(made.roll())
    await until(made, Phase.REJOIN)
    await made.clock.sleep(400)
    tags = {"operation": "Merge", "properties": {"tags": {names.LEASE: "other@runner|99|9999999999"}}}
    made.ask("PATCH", f"{POOL}/providers/Microsoft.Resources/tags/default", tags, "2021-04-01")
    with pytest.raises(LeaseLost):
        await rolling


async def leave_entra(made: Bench) -> None:
    assert (await made.roll(join=ENTRA, device_cleanup="leave")).status == "complete"


STORIES: dict[str, tuple[Callable[[Bench], Awaitable[None]], dict[str, Any]]] = {
    "rollout": (complete, {"users": 2}),
    "bad image": (bad_image, {}),
    "never registers": (never_registers, {}),
    "wrong password": (wrong_password, {}),
    "vault refuses": (vault_refuses, {}),
    "refused writes": (refused_writes, {}),
    "unreachable": (unreachable, {}),
    "killed in repair": (killed_in_repair, {}),
    "lost lease": (lost_lease, {}),
    "entra": (leave_entra, {"join": "entra"}),
}


@pytest.mark.parametrize("name", STORIES)
def test_i8_no_secret_is_anywhere_but_where_it_is_used(
    name: str,
    tmp_path: Path,
    overheard: Overheard,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG)
    play, options = STORIES[name]

    async def story() -> tuple[Bench, list[str]]:
        made = await bench(tmp_path, **{"hosts": 2, "users": 0, **options})
        tokens = [_token(made)]
        await play(made)
        return made, [*tokens, _token(made)]

    made, tokens = virtually(story())
    page = CliRunner().invoke(main, ["report", "--offline"], obj=_desk(tmp_path))
    assert page.exit_code == 0, page.output
    shown = capfd.readouterr()
    state = made.emulator.world
    channels = {
        "events": "\n".join(event.to_json() for event in made.events),
        "sinks": "\n".join(_passed_on(made)),
        "outcome": "\n".join(overheard.ended),
        "exceptions": overheard.exceptions(),
        "files": "\n".join(path.read_text() for path in tmp_path.rglob("*") if path.is_file()),
        "logs": "\n".join(f"{record.getMessage()} {record.exc_text or ''}" for record in caplog.records),
        "output": shown.out + shown.err,
        "sent": overheard.requests(),
        "request log": json.dumps(state.sections["requests"]),
        "resources": json.dumps([public(resource.body) for resource in state.resources.values()]),
        "tags": json.dumps([resource.body.get("tags") for resource in state.resources.values()]),
    }
    secrets = {*PLANTED.values(), ACCESS_TOKEN, *tokens} - {""}
    assert [(where, secret) for where, text in channels.items() for secret in secrets if secret in text] == []
    # The channels were open, and the secrets on their way.
    assert all(channels[where] for where in ("events", "sinks", "files", "logs", "sent", "request log", "tags"))
    assert "vm-0" in channels["files"] and names.RECORD in channels["sent"] and "<html" in channels["files"].lower()
    bodies = "".join(str(getattr(request, "content", "")) for request in overheard.sent)
    assert ADMIN_PASSWORD in bodies and len(secrets) >= 5
    assert any(ACCESS_TOKEN in request.headers.get("Authorization", "") for request in overheard.sent)
    if name not in ("rollout", "entra"):
        assert channels["exceptions"] or any("failed" in text or "rolled_back" in text for text in overheard.ended)


def _passed_on(made: Bench) -> Iterator[str]:
    """What notices and the audit log make of the events: what leaves for chats, tables and files."""
    audit, notices = Audit(POOL, "ada@desk-7 4711"), Notices("hp1")
    for event in made.events:
        if (row := audit.of(event)) is not None:
            yield row.to_json()
        if (notice := notices.of(event)) is not None:
            yield f"{notice.what} {notice.text}"


def _token(made: Bench) -> str:
    return str(made.ask("POST", f"{POOL}/retrieveRegistrationToken", None, AVD_API).body.get("token") or "")


def _desk(folder: Path) -> World:
    def nowhere(*arguments: Any) -> Any:
        raise AssertionError("offline")

    return World({"HOSTPOOL_LOG_FOLDER": str(folder)}, nowhere)
