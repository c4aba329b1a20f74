"""All sinks as one listener: what is opened, in which order they are left; no defect of one reaches the run."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import pytest

from cloud.clock import RealClock
from rollout.azure import Azure
from rollout.declaration import Declaration
from rollout.events import Event, Kind
from rollout.log_analytics import LogAnalytics
from rollout.notices import Notify
from sinks.audit_log import AuditLog
from sinks.listeners import listeners

POOL = "/subscriptions/s/resourceGroups/g/providers/Microsoft.DesktopVirtualization/hostPools/hp1"
STARTED = Event(
    1000.0, Kind.STARTED, data={"rollout": "r1", "attempt": 1, "version": "1.0.1", "hosts": ["vm-0"], "image": "i"}
)


class Service:
    """Key Vault and Azure Monitor: the one has a secret, the other keeps rows."""

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.secrets_read = 0

    async def get_secret(self, uri: str) -> str:
        self.secrets_read += 1
        return "json://127.0.0.1:9/nobody"

    async def upload_logs(self, endpoint: str, rule_id: str, stream: str, rows: Sequence[Mapping[str, Any]]) -> None:
        self.sent += [str(row["Event"]) for row in rows]


def opened(service: Service, folder: Path, warnings: list[str], **declared: Any) -> Any:
    declaration = Declaration(POOL, "image", "1.0.1", **declared)
    return listeners(
        cast(Azure, service), declaration, clock=RealClock(), who="ada@desk-7 1", folder=folder,
        environment={"HOSTPOOL_CHANGE_TICKET": "CHG1"}, warn=warnings.append,
    )  # fmt: skip


TABLE = LogAnalytics("https://x", f"dcr-{'0' * 32}")


async def test_a_run_that_an_error_ends_is_sent_with_it(tmp_path: Path) -> None:
    service, warnings = Service(), list[str]()
    with pytest.raises(ValueError):
        async with opened(service, tmp_path, warnings, log_analytics=TABLE) as told:
            told(STARTED)
            raise ValueError("the lease was lost")
    assert service.sent == ["rollout_started", "rollout_interrupted"] and warnings == []
    rows = [json.loads(line) for line in (tmp_path / "hp1.audit.jsonl").read_text().splitlines()]
    assert [(row["Event"], row["ChangeTicket"]) for row in rows] == [
        ("rollout_started", "CHG1"), ("rollout_interrupted", "CHG1"),
    ]  # fmt: skip


async def test_what_is_not_declared_is_not_asked_for(tmp_path: Path) -> None:
    service, warnings = Service(), list[str]()
    async with opened(service, tmp_path, warnings) as told:
        told(STARTED)
    assert (service.sent, service.secrets_read, warnings) == ([], 0, [])


async def test_a_defect_of_one_sink_is_told_once_and_stops_neither_the_run_nor_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: AuditLog, event: Event) -> None:
        raise KeyError("some defect")

    monkeypatch.setattr(AuditLog, "__call__", broken)
    service, warnings = Service(), list[str]()
    async with opened(service, tmp_path, warnings, notify=Notify(("https://v/secrets/hook",))) as told:
        told(STARTED)
        told(Event(1001.0, Kind.PAUSED, text="paused"))
    assert warnings[0] == "AuditLog failed and is told nothing more: KeyError: 'some defect'"
    assert service.secrets_read == 1 and len(warnings) == 2  # nobody listens at the webhook
