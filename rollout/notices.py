"""What people are told of a rollout while it runs: few messages, each for something they may want to act upon."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from rollout.clock import in_zone
from rollout.errors import InvalidDeclaration
from rollout.events import Event, Kind
from rollout.values import DAY, HOUR, MINUTE, duration, secret_uri, template

FIELDS = ("pool", "what", "text", "version", "owner")
"""What a template may name: the pool, what happened in a few words, the text, the target version, who runs it."""
TICK_EVERY = 15 * MINUTE
"""Seconds between two ticks of the shipped workflows: a reminder cannot be nearer to its time."""
FARTHEST = 14 * DAY
"""Seconds that a start may lie ahead."""
HOSTS_TOLD = 10
"""Hosts whose failure is told one by one; the end of the run counts them all."""
LONGEST_TITLE, LONGEST_TEXT = 250, 2000
"""Characters of a message: apprise's own default for titles, and what the strictest of the usual services takes
(Discord; github.com/caronc/apprise/wiki). What is longer is cut."""


@dataclass(frozen=True)
class Notify:
    """Who is told of a rollout. `url_secrets`: Key Vault secrets, each with the URL of one service for apprise."""

    url_secrets: tuple[str, ...]
    quiet: bool = False
    """Only what needs somebody: failures, pauses, an end that is not complete."""
    title: str = "AVD pool {pool}: {what}"
    text: str = "{text}"
    reminders: tuple[float, ...] = (DAY, HOUR)
    """Seconds before the start of a scheduled rollout at which it is told again."""


class Tone(StrEnum):
    """What kind of news it is: apprise's `notify_type`, which services show as a colour or a sign."""

    INFO = "info"
    SUCCESS = "success"
    WARNING = "warning"
    FAILURE = "failure"


@dataclass(frozen=True)
class Notice:
    """One message. `grave`: it needs somebody, so that a quiet configuration tells it too."""

    what: str
    text: str
    tone: Tone = Tone.INFO
    grave: bool = False


def notify(given: Mapping[str, Any]) -> Notify:
    """The plain input `notify`. Raises InvalidDeclaration."""
    uris = tuple(str(uri) for uri in given["url_secrets"])
    for number, uri in enumerate(uris):
        if "://" in uri and not uri.startswith("https://"):
            raise InvalidDeclaration(
                f"notify.url_secrets[{number}]",
                f"{uri.partition('://')[0]}://...",
                "is the URL of a service itself, which is a secret",
                "put it into Key Vault, and write the secret's URI, such as https://avd-kv.vault.azure.net/secrets/teams",
            )
        secret_uri(f"notify.url_secrets[{number}]", uri)
    templates = {name: str(given[name]) for name in ("title", "text") if given.get(name) is not None}
    for name, text in templates.items():
        longest = LONGEST_TITLE if name == "title" else LONGEST_TEXT
        if len(text) > longest:
            raise InvalidDeclaration(
                f"notify.{name}",
                f"{text[:40]}...",
                f"has {len(text)} characters",
                f'{longest} at most, such as "{getattr(Notify, name)}"',
            )
        template(f"notify.{name}", text, FIELDS, 'such as "{pool}: {what}"')
    reminders = Notify.reminders
    if given.get("reminders") is not None:
        reminders = tuple(_lead(f"notify.reminders[{n}]", each) for n, each in enumerate(given["reminders"]))
        for n, each in enumerate(reminders):
            if each in reminders[:n]:
                raise InvalidDeclaration(
                    f"notify.reminders[{n}]",
                    given["reminders"][n],
                    "is there twice",
                    "leave it out, or write another time",
                )
        if given.get("quiet") and reminders and reminders != Notify.reminders:
            raise InvalidDeclaration(
                "notify.reminders",
                given["reminders"],
                "are never told with notify.quiet: true",
                "leave reminders out, or quiet",
            )
    return Notify(uris, bool(given.get("quiet", False)), **templates, reminders=reminders)


def _lead(prop: str, value: Any) -> float:
    seconds = duration(prop, value)
    if not TICK_EVERY <= seconds <= FARTHEST:
        raise InvalidDeclaration(
            prop, value, "is not between 15 minutes and 14 days", 'write how long before the start, such as "P1D"'
        )
    return seconds


class Teller(Protocol):
    """Who passes events on to people."""

    def __call__(self, event: Event) -> None: ...

    async def sent(self) -> None:
        """Until all that was told has been sent, or tried."""


class Silence:
    """A teller where nobody is to be told."""

    def __call__(self, event: Event) -> None:
        return None

    async def sent(self) -> None:
        return None


class Notices:
    """Turns the events of one run into notices."""

    def __init__(self, pool: str, zone: str = "UTC") -> None:
        self._zone = zone
        self.fields: dict[str, str] = {"pool": pool, "version": "", "owner": ""}
        """What is known for templates, beside what happened and the text."""
        self._hosts_told = 0
        self._warnings: list[str] = []
        """Of the pre-checks, told when the run has started: one that does not start needs nobody for them."""
        self._done_before = 0.0
        """Percent of the hosts that an earlier run of the attempt had done."""
        self._reverts = False
        self._paused = False
        """The run has told that it is paused: its end, when the hosts that were out serve again, is no news."""

    def worded(self, declared: Notify, notice: Notice) -> tuple[str, str]:
        """Title and text in the declared words, no longer than services take."""
        words = {**self.fields, "what": notice.what, "text": in_zone(notice.text, self._zone)}
        title, text = declared.title.format(**words), declared.text.format(**words)
        return _cut(" ".join(title.split()), LONGEST_TITLE), _cut(text, LONGEST_TEXT)

    def of(self, event: Event) -> Notice | None:
        """What is to be told of an event, if anything."""
        data = event.data
        self.fields |= {name: str(data[name]) for name in ("version", "owner") if data.get(name)}
        match event.kind:
            case Kind.CHECKED:
                self._warnings = _lines(data, "warning")
                errors = _lines(data, "error")
                return _warning("pre-checks failed", "\n".join(errors)) if errors else None
            case Kind.SCHEDULED | Kind.QUEUED:
                return Notice(str(event.kind), event.text)
            case Kind.SCHEDULE_CHANGED:
                missed = data.get("what") == "missed"
                return _warning("missed", event.text) if missed else Notice(str(data.get("what")), event.text)
            case Kind.REMINDER:
                return Notice("reminder", event.text)
            case Kind.READY:
                return Notice("ready", event.text) if data.get("ok") else _warning("NOT READY", event.text)
            case Kind.STARTED:
                return self._begin(data)
            case Kind.CANARY:
                return _canary(str(data.get("result")), data.get("hosts") or ())
            case Kind.APPROVED:
                return Notice("approved", event.text)
            case Kind.REHEARSED:
                passed = bool(data.get("passed"))
                return Notice("rehearsal passed", event.text) if passed else _failure("rehearsal failed", event.text)
            case Kind.CHECKPOINT:
                if float(data.get("percent") or 0) <= self._done_before:
                    return None  # the run before has told it
                return Notice("checkpoint", f"{data.get('percent'):g} % are done; goes on in {data.get('pause'):g} s")
            case Kind.HOST_FAILED:
                return self._host(event)
            case Kind.PAUSED:
                self._paused = True
                done = f"; {data.get('done')} of {data['of']} hosts are done" if data.get("of") else ""
                return Notice("paused", f"{event.text}{done}", Tone.WARNING, grave=not data.get("goes_on"))
            case Kind.ENDED:
                return self._end(str(data.get("status")), event.text)
            case _:
                return None

    def _begin(self, data: dict[str, Any]) -> Notice | None:
        self.fields |= {"version": str(data.get("version") or ""), "owner": str(data.get("owner") or "")}
        self._reverts = bool(data.get("revert"))
        count, of = len(data.get("hosts") or ()), int(data.get("of") or 0)
        self._done_before = 100 * (of - count) / of if of else 0.0
        if data.get("told_lately"):
            return None  # runs that die and are started again, every quarter of an hour say, are no news each time
        hosts = f"{count} host{'' if count == 1 else 's'}"
        what = "resumed" if data.get("resumed") else "revert started" if self._reverts else "started"
        told = f"{hosts} to {self.fields['version']}; {data.get('estimate', '')}"
        why = str(data.get("emergency") or "")
        if why:
            what, told = f"emergency {what}", f"outside its window: {why}; {told}"
        return Notice(what, "\n".join([told, *(f"pre-check: {line}" for line in self._warnings)]), grave=bool(why))

    def _end(self, status: str, text: str) -> Notice | None:
        match status:
            case "complete":
                return Notice("reverted" if self._reverts else "complete", text, Tone.SUCCESS)
            case "paused":
                return None if self._paused else Notice("paused", text, Tone.WARNING)
            case "scheduled":
                return Notice("scheduled", text)
            case _:
                return _failure(status.replace("_", " "), text)

    def _host(self, event: Event) -> Notice | None:
        result = event.data.get("result")
        if result not in ("failed", "rolled_back", "gone"):
            return None  # it is being restored, or was left for another run
        self._hosts_told += 1
        if self._hosts_told > HOSTS_TOLD:
            return None
        return _failure(f"host {str(result).replace('_', ' ')}", f"{event.host}: {event.text}")


def _warning(what: str, text: str) -> Notice:
    return Notice(what, text, Tone.WARNING, grave=True)


def _failure(what: str, text: str) -> Notice:
    return Notice(what, text, Tone.FAILURE, grave=True)


def _canary(result: str, hosts: Sequence[str]) -> Notice:
    names = ", ".join(hosts) or "its hosts were updated by an earlier run"
    if result == "failed":
        return _failure("canary failed", names)
    return Notice(f"canary {result}", names, Tone.SUCCESS if result == "passed" else Tone.INFO)


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 3]}..."


def _lines(data: dict[str, Any], severity: str) -> list[str]:
    """A line for each finding of a severity, with its remedy."""
    findings = [found for found in data.get("findings") or () if found.get("severity") == severity]
    return [f"{found['subject']}: {found['problem']}; {found['remedy']}" for found in findings]
