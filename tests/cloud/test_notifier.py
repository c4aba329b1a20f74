"""Notices by apprise to a webhook and a mailbox: what arrives; nothing that fails there reaches the rollout."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any, cast

import pytest

from cloud.notifier import Notifier
from rollout.azure import Azure
from rollout.errors import Forbidden
from rollout.events import Event, Kind
from rollout.notices import Notify
from tests.support.mail_sink import mail_sink

VAULT = "https://vault.vault.azure.net/secrets"


class Hook(HTTPServer):
    """A webhook that keeps what it got; `status` is its answer."""

    def __init__(self) -> None:
        self.got: list[dict[str, Any]] = []
        self.status = 200
        super().__init__(("127.0.0.1", 0), Handler)

    @property
    def url(self) -> str:
        return f"json://user:s3cret-of-the-hook@127.0.0.1:{self.server_port}/hook"


class Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        hook = cast(Hook, self.server)
        hook.got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(hook.status)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        return None


@pytest.fixture
def hook() -> Iterator[Hook]:
    server = Hook()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


class Vault:
    def __init__(self, **secrets: str) -> None:
        self.secrets = secrets

    async def get_secret(self, uri: str) -> str:
        try:
            return self.secrets[uri.rsplit("/", 1)[-1]]
        except KeyError:
            raise Forbidden(403, "Forbidden", "no") from None


async def told(vault: Vault, declared: Notify, *events: Event) -> list[str]:
    """The warnings of a run with these events."""
    warnings: list[str] = []
    async with Notifier(cast(Azure, vault), declared, "hp1", "UTC", warnings.append) as notifier:
        for event in events:
            notifier(event)
    return warnings


STARTED = Event(
    0.0, Kind.STARTED, data={"version": "1.0.1", "owner": "ci@runner", "hosts": ["vm-0"], "estimate": "1 h"}
)
PAUSED = Event(0.0, Kind.PAUSED, text="paused by an administrator")
DONE = Event(0.0, Kind.ENDED, text="all 12 hosts run 1.0.1", data={"status": "complete"})


async def test_notices_arrive_in_order_and_in_the_declared_words(hook: Hook) -> None:
    declared = Notify((f"{VAULT}/hook",), title="[{pool}] {what} of {version}", text="{text} ({owner})")
    assert await told(Vault(hook=hook.url), declared, STARTED, PAUSED, DONE) == []
    assert [(each["title"], each["message"]) for each in hook.got] == [
        ("[hp1] started of 1.0.1", "1 host to 1.0.1; 1 h (ci@runner)"),
        ("[hp1] paused of 1.0.1", "paused by an administrator (ci@runner)"),
        ("[hp1] complete of 1.0.1", "all 12 hosts run 1.0.1 (ci@runner)"),
    ]
    assert [each["type"] for each in hook.got] == ["info", "warning", "success"]


async def test_mail_is_sent_with_the_title_as_its_subject() -> None:
    with mail_sink() as mail:
        query = f"from=avd@contoso.com&to=admins@contoso.com&smtp=127.0.0.1&mode=insecure&port={mail.port}&format=text"
        url = f"mailto://avd:s3cret-of-the-mailbox@127.0.0.1:{mail.port}/?{query}"
        assert await told(Vault(mail=url), Notify((f"{VAULT}/mail",)), STARTED, DONE) == []
    assert [(each["Subject"], each["To"]) for each in mail.got] == [
        ("AVD pool hp1: started", "admins@contoso.com"),
        ("AVD pool hp1: complete", "admins@contoso.com"),
    ]
    body = mail.got[1].get_body()
    assert body is not None and body.get_content().strip() == "all 12 hosts run 1.0.1"
    assert any(line.startswith("AUTH PLAIN") for line in mail.said)


async def test_quiet_tells_only_what_needs_somebody(hook: Hook) -> None:
    assert await told(Vault(hook=hook.url), Notify((f"{VAULT}/hook",), quiet=True), STARTED, PAUSED, DONE) == []
    assert [each["title"] for each in hook.got] == ["AVD pool hp1: paused"]


async def test_a_service_that_fails_is_told_once_and_without_its_url(
    hook: Hook, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    hook.status = 500
    [warning] = await told(Vault(hook=hook.url), Notify((f"{VAULT}/hook",)), STARTED, PAUSED, DONE)
    assert "could not be sent" in warning
    shown = capfd.readouterr()
    assert "s3cret" not in warning + caplog.text + shown.out + shown.err


async def test_a_secret_that_cannot_be_read_or_names_no_service_is_named(hook: Hook) -> None:
    [warning] = await told(Vault(), Notify((f"{VAULT}/hook",)), STARTED)
    assert warning == f"notify.url_secrets[0]: '{VAULT}/hook' could not be read (403 Forbidden)"
    [warning] = await told(Vault(hook="carrier-pigeon://s3cret"), Notify((f"{VAULT}/hook",)), STARTED)
    assert "no URL of a service" in warning and "s3cret" not in warning
    both = Notify((f"{VAULT}/none", f"{VAULT}/hook"))
    await told(Vault(hook=hook.url), both, STARTED)
    assert len(hook.got) == 1  # the other service is told all the same


async def test_a_vault_that_is_not_asked_without_a_notice() -> None:
    assert await told(Vault(), Notify((f"{VAULT}/hook",)), Event(0.0, Kind.ACTION, "vm-0", "started")) == []
