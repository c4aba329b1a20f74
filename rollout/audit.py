"""The audit log's rows: what people are asked about later, made from a run's events.

A row is a JSON line of the audit log and a row of a Log Analytics table, under the same names, so that one schema
serves both. `docs/audit.md` lists the columns and the events; a column is never renamed or given another meaning, and
new ones come at the end.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from rollout.clock import iso
from rollout.events import Event, Kind
from rollout.names import digest
from rollout.presence import CUT_OFF, ENDED, LOGGED_OFF

SCHEMA_VERSION = 1
LONGEST = 2000
"""Characters of `why`. The evidence of a failure is in the event log."""
VERSIONS_TOLD = 5
"""Different versions that are named as those the hosts come from."""

_OF_USERS = {LOGGED_OFF: "user_logged_off", ENDED: "session_ended", CUT_OFF: "user_cut_off"}
"""What befell a user against their will, to its event."""


@dataclass(frozen=True)
class Row:
    """One row. In the log its fields are called `Time`, `HostPoolId` and so on."""

    time: str
    """When it happened: ISO 8601, UTC, with milliseconds."""
    event: str
    """What happened: one of the events below."""
    status: str = ""
    """Of `rollout_ended`: `complete`, `complete_with_failures`, `paused`, `scheduled` (disks are built ahead of a
    window) or `stopped`."""
    host_pool_id: str = ""
    """ARM id of the host pool."""
    host_pool: str = ""
    """Its name."""
    host: str = ""
    """Name of the virtual machine, where the event is about one."""
    user: str = ""
    """User principal name of the person whose session ended."""
    from_version: str = ""
    """Image version before: of the host, or those of all hosts that need work."""
    to_version: str = ""
    """Image version that is rolled out."""
    who: str = ""
    """Who did it: user, machine and process id, `ada@desk-7 4711`; on a CI runner after the name of who started the
    run."""
    run: str = ""
    """Address of the CI run, where the runner tells it."""
    change_ticket: str = ""
    """Number of the change, as given in `HOSTPOOL_CHANGE_TICKET` or with `hostpool approve --ticket`."""
    why: str = ""
    """The reason, the finding with its remedy, or how it ended, in words; 2,000 characters at most."""
    outage_seconds: float | None = None
    """Of `host_updated`: seconds without service."""
    duration_seconds: float | None = None
    """Of `rollout_ended`: seconds since the attempt began."""
    hosts: int | None = None
    """Hosts that need work; of `rollout_ended`: that needed it when the attempt began."""
    updated: int | None = None
    """Of `rollout_ended`: hosts of the attempt that run the new version."""
    rolled_back: int | None = None
    """Of `rollout_ended`: hosts that serve on their old disk because the new one failed."""
    failed: int | None = None
    """Of `rollout_ended`: hosts that were left drained, or are gone."""
    left: int | None = None
    """Of `rollout_ended`: hosts that were left for another run."""
    rollout: str = ""
    """Id of the rollout: the same for the same declaration."""
    attempt: int = 0
    """Number of the attempt, counted from 1 for the pool."""
    event_id: str = ""
    """The same wherever and however often this event is told: rows with one id are one event."""
    schema_version: int = SCHEMA_VERSION
    """Version of this list of columns."""

    def to_json(self) -> str:
        return json.dumps(self.columns())

    def columns(self) -> dict[str, Any]:
        """The row under the log's names; what has no value is left out."""
        values = {column(field.name): getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in values.items() if value not in ("", None)}


def column(field_name: str) -> str:
    """`host_pool_id` -> `HostPoolId`."""
    return "".join(part.capitalize() for part in field_name.split("_"))


def schema() -> dict[str, str]:
    """Column -> its type in Log Analytics."""
    kinds = {"str": "string", "int": "int", "int | None": "int", "float | None": "real"}
    return {column(f.name): "datetime" if f.name == "time" else kinds[str(f.type)] for f in fields(Row)}


EVENTS = {
    "checks_failed": "Pre-checks found an error: nothing was begun. `Why` has each finding with its remedy.",
    "rollout_scheduled": "A rollout holds the pool until its maintenance window.",
    "schedule_changed": "Its start was moved, skipped, cancelled, replaced, withdrawn or missed, by whom `Why` says.",
    "reminder": "`hostpool tick` told that a start is near.",
    "pool_ready": "At `ready_by` enough hosts served, or do now after an alarm.",
    "pool_not_ready": "At `ready_by` too few hosts served: an alarm.",
    "rollout_started": "A new attempt began.",
    "rollout_resumed": "An attempt goes on, in another run.",
    "canary_baked": "The canary hosts stayed healthy, and somebody has to approve before the others follow.",
    "approved": "Somebody ran `hostpool approve`: `Who` it was, and under which `ChangeTicket`.",
    "promotion_approved": "Somebody ran `hostpool approve --promotion` for the version in `ToVersion`.",
    "canary_passed": "The canary hosts stayed healthy: the others may follow.",
    "canary_failed": "They did not, and nobody follows.",
    "checkpoint": "The declared share of the hosts is done, and the rollout pauses for a while.",
    "host_updated": "A host serves on the new version.",
    "host_rolled_back": "The new disk failed on a host; it serves on its old one.",
    "host_failed": "Neither disk could be brought back: the host is left drained.",
    "host_gone": "The virtual machine was deleted meanwhile.",
    "host_left_out": "A host was given back unchanged, for another run.",
    "user_logged_off": "The engine ended an active session, as `drain.log_off` declares.",
    "session_ended": "It ended a disconnected session, as declared.",
    "user_cut_off": "The machine went from under a session: something else stopped it.",
    "rollout_paused": "No new host is begun, by whose wish or for which reason `Why` says.",
    "rollout_ended": "The run is over; `Status` and the counts say how.",
    "rollout_interrupted": "The run was told to stop, or an error ended it, as `Why` says. A later one goes on.",
    "abort_requested": "Somebody ran `hostpool abort`, and which attempt it was.",
    "rehearsed": "Somebody ran `hostpool rehearse`; `Why` says how it ended.",
    "pause_requested": "Somebody ran `hostpool pause`.",
    "pause_lifted": "Somebody ran `hostpool resume`.",
    "disks_deleted": "Somebody ran `hostpool cleanup`; `Why` counts the kept disks that are gone.",
}
"""Each event with what it means."""

_ONCE = {"canary_baked", "approved", "canary_passed", "canary_failed", "checkpoint"}
"""Beside those of hosts: what is true once in an attempt, however many runs tell it."""


def row(at: float, event: str, *, host_pool_id: str, who: str, **known: Any) -> Row:
    """A row of the time `at` (epoch seconds), with its id."""
    assert event in EVENTS, event
    if "why" in known:
        known["why"] = str(known["why"])[:LONGEST]
    made = Row(_time(at), event, host_pool_id=host_pool_id, host_pool=host_pool_id.rsplit("/", 1)[-1], who=who, **known)
    once = made.rollout and (made.event in _ONCE or made.event.startswith("host_"))
    told = made.why if made.event == "checkpoint" else ""
    when = "" if once else made.time
    identity = (made.host_pool_id, made.rollout, str(made.attempt), made.event, made.host, made.user, told, when)
    return replace(made, event_id=digest(*identity, length=20))


class Audit:
    """Turns the events of one run into rows."""

    def __init__(self, host_pool_id: str, who: str, run: str = "", change_ticket: str = "") -> None:
        self._known: dict[str, Any] = {
            "host_pool_id": host_pool_id,
            "who": who,
            "run": run,
            "change_ticket": change_ticket,
        }
        self._from: Mapping[str, str] = {}
        self.open = False
        """The rollout has begun and has not ended."""

    def of(self, event: Event) -> Row | None:
        """The row of an event that belongs into the log."""
        data = event.data
        match event.kind:
            case Kind.CHECKED:
                return self._findings(event)
            case Kind.SCHEDULED:
                return self._row(event, "rollout_scheduled", why=event.text)
            case Kind.SCHEDULE_CHANGED:
                return self._row(event, "schedule_changed", why=event.text)
            case Kind.REMINDER:
                return self._row(event, "reminder", why=event.text)
            case Kind.READY:
                return self._row(event, "pool_ready" if data.get("ok") else "pool_not_ready", why=event.text)
            case Kind.STARTED:
                return self._begin(event)
            case Kind.CANARY:
                return self._row(event, f"canary_{data.get('result')}", why=", ".join(data.get("hosts") or ()))
            case Kind.APPROVED:
                return self._approved(event)
            case Kind.CHECKPOINT:
                return self._row(event, "checkpoint", why=f"{data.get('percent'):g} % are done")
            case Kind.HOST_DONE:
                return self._host(event, "host_updated", outage_seconds=data.get("outage"))
            case Kind.HOST_FAILED:
                name = f"host_{data.get('result')}"
                return self._host(event, name, why=event.text) if name in EVENTS else None  # else it is being restored
            case Kind.USER:
                name = _OF_USERS.get(str(data.get("what")), "")
                return self._host(event, name, user=str(data.get("user") or "")) if name else None
            case Kind.PAUSED:
                return self._row(event, "rollout_paused", why=event.text)
            case Kind.ENDED:
                return self._end(event)
            case _:
                return None

    def interrupted(self, at: float, why: str) -> Row:
        """The run ends without having come to an end."""
        self.open = False
        return row(at, "rollout_interrupted", why=why, **self._known)

    def _row(self, event: Event, name: str, **known: Any) -> Row:
        return row(event.time, name, **{**self._known, **_rollout(event), **known})

    def _host(self, event: Event, name: str, **known: Any) -> Row:
        before = self._from.get(event.host, "")
        return self._row(event, name, host=event.host, from_version=before, **known)

    def _begin(self, event: Event) -> Row:
        data = event.data
        self._from = data.get("from_versions") or {}
        self.open = True
        self._known |= {
            "rollout": str(data.get("rollout") or ""),
            "attempt": int(data.get("attempt") or 0),
            "to_version": str(data.get("version") or ""),
        }
        different = sorted(set(self._from.values()))
        more = ["..."] if len(different) > VERSIONS_TOLD else []
        return self._row(
            event,
            "rollout_resumed" if data.get("resumed") else "rollout_started",
            from_version=", ".join([*different[:VERSIONS_TOLD], *more]),
            hosts=len(data.get("hosts") or ()),
            why=f"emergency: {data['emergency']}" if data.get("emergency") else str(data.get("estimate") or ""),
        )

    def _approved(self, event: Event) -> Row:
        """Of whoever approved, then; what follows is done under that ticket."""
        ticket = str(event.data.get("ticket") or "") or self._known["change_ticket"]
        self._known["change_ticket"] = ticket
        at, who = float(event.data.get("at") or event.time), str(event.data.get("by") or "")
        return self._row(replace(event, time=at), "approved", who=who, run="")

    def _end(self, event: Event) -> Row:
        self.open = False
        counts = event.data.get("counts") or {}
        status = str(event.data.get("status") or "")
        seconds = event.data.get("duration")
        return self._row(event, "rollout_ended", status=status, why=event.text, duration_seconds=seconds, **counts)

    def _findings(self, event: Event) -> Row | None:
        errors = [found for found in event.data.get("findings") or () if found.get("severity") == "error"]
        if not errors:
            return None
        lines = [f"{found['subject']}: {found['problem']}; {found['remedy']}" for found in errors]
        return self._row(event, "checks_failed", why="\n".join(lines))


def _rollout(event: Event) -> dict[str, Any]:
    """Which rollout an event says that it is about: a schedule is told before, and by others, than what has begun."""
    said = {"rollout": "rollout", "attempt": "attempt", "version": "to_version"}
    return {column: event.data[name] for name, column in said.items() if event.data.get(name)}


def _time(at: float) -> str:
    """`2026-01-12T20:00:00.250Z`."""
    return f"{iso(at)[:-1]}.{int(at % 1 * 1000):03d}Z"
