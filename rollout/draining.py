"""How users are asked to leave a host, as declared in `drain`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from rollout.errors import InvalidDeclaration
from rollout.messages import Message, check_length, message
from rollout.values import MINUTE, choice, duration, whole

SAFE_GRACE = 10 * MINUTE
"""Seconds of grace under which a forced log-off needs `allow_data_loss`: in less, people do not save what is open."""


class LogOff(StrEnum):
    """What happens to sessions at the drain deadline."""

    WAIT = "wait"
    """Nobody is logged off: the host is left out of this run and serves on, undrained."""
    DISCONNECTED_ONLY = "disconnected_only"
    """Disconnected sessions are logged off; with an active session left the host is left out as with wait."""
    FORCE = "force"
    """Everybody is logged off after the final message and `grace`."""


@dataclass(frozen=True)
class Reminder:
    """A message that is sent `before` seconds before users are to have signed out."""

    before: float
    message: Message


TITLE = "Maintenance"
FIRST = (
    "This desktop is being updated. Please save your work and sign out within {minutes} minutes, then sign in again."
)
FINAL = "This desktop will sign you out in {minutes} minutes to install an update. Please save your work now."
FIRST_MESSAGE, FINAL_MESSAGE = Message(((TITLE, FIRST),)), Message(((TITLE, FINAL),))


@dataclass(frozen=True)
class Drain:
    deadline: float = 60 * MINUTE
    """Seconds from the message to the log-off policy."""
    log_off: LogOff = LogOff.WAIT
    grace: float = 10 * MINUTE
    """Seconds between the final message and a forced log-off."""
    allow_data_loss: bool = False
    """Whether the grace of a forced log-off may be so short that people lose what they have not saved."""
    end_disconnected_after: float | None = None
    """Seconds after which a session that stays disconnected is ended, whatever `log_off`; None: not before the
    deadline."""
    max_sessions: int | None = None
    """A host is drained only while it has no more sessions than this."""
    zero_sessions_for: float = 60.0
    """Seconds a host must have had no session in any state before it is stopped."""
    check_containers: bool = False
    """Whether the guest is asked, before it is stopped, if profile containers are still attached."""
    message: Message = FIRST_MESSAGE
    reminders: tuple[Reminder, ...] = ()
    """The earliest first."""
    final_message: Message = FINAL_MESSAGE

    @property
    def ends_sessions(self) -> bool:
        """Whether anybody may be logged off."""
        return self.log_off is not LogOff.WAIT or self.end_disconnected_after is not None


def drain(given: Mapping[str, Any]) -> Drain:
    """The plain input `drain`. Raises InvalidDeclaration."""
    fields: dict[str, Any] = {
        name: duration(f"drain.{name}", given[name])
        for name in ("deadline", "grace", "zero_sessions_for", "end_disconnected_after")
        if given.get(name) is not None
    }
    if given.get("max_sessions") is not None:
        fields["max_sessions"] = whole("drain.max_sessions", given["max_sessions"], at_least=0)
    if given.get("log_off") is not None:
        fields["log_off"] = choice("drain.log_off", given["log_off"], LogOff)
    for name in ("allow_data_loss", "check_containers"):
        if given.get(name) is not None:
            fields[name] = bool(given[name])
    title = given.get("message_title") if given.get("message_title") is not None else TITLE
    for name, usual in (("message", FIRST), ("final_message", FINAL)):
        text = given.get(name) if given.get(name) is not None else usual
        # The usual text is in one language, so a title in others says nothing of it.
        own_title = TITLE if given.get(name) is None and isinstance(title, Mapping) else title
        fields[name] = message(f"drain.{name}", text, "drain.message_title", own_title)
    fields["reminders"] = tuple(
        sorted(
            (_reminder(f"drain.reminders[{i}]", item, title) for i, item in enumerate(given.get("reminders") or ())),
            key=lambda reminder: -reminder.before,
        )
    )
    return Drain(**fields)


def _reminder(prop: str, given: Mapping[str, Any], usual_title: Any) -> Reminder:
    own = given.get("title")
    title_prop, title = ("drain.message_title", usual_title) if own is None else (f"{prop}.title", own)
    return Reminder(
        duration(f"{prop}.before", given["before"]), message(f"{prop}.text", given["text"], title_prop, title)
    )


def check(declared: Drain, pool: str) -> None:
    """What cannot be meant. Raises InvalidDeclaration."""
    if declared.log_off is LogOff.FORCE and declared.grace > declared.deadline:
        raise InvalidDeclaration(
            "drain.grace",
            declared.grace,
            "is longer than drain.deadline",
            "make drain.grace shorter, or drain.deadline longer, such as PT60M",
        )
    if declared.log_off is LogOff.FORCE and declared.grace < SAFE_GRACE and not declared.allow_data_loss:
        raise InvalidDeclaration(
            "drain.grace",
            declared.grace,
            "is so short that people lose what they have not saved",
            f"declare PT{SAFE_GRACE / MINUTE:.0f}M or more, or allow_data_loss: true",
        )
    times = [reminder.before for reminder in declared.reminders]
    for before in times:
        if not 0 < before < declared.deadline:
            raise InvalidDeclaration(
                "drain.reminders",
                before,
                f"is not between 0 and drain.deadline ({declared.deadline:g} s), when the first message is sent",
                'write one such as {"before": "PT15M", "text": "Please sign out by {time}."}',
            )
        if times.count(before) > 1:
            raise InvalidDeclaration("drain.reminders", before, "is there twice", "give each a time of its own")
    for name, said in (
        ("message", declared.message),
        ("final_message", declared.final_message),
        *((f"reminders, {reminder.before:g} s before", reminder.message) for reminder in declared.reminders),
    ):
        check_length(f"drain.{name}", said, declared.deadline, pool)
