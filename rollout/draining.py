"""How users are asked to leave a host, as declared in `drain`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from rollout.errors import InvalidDeclaration, shown
from rollout.messages import Message, longest, message
from rollout.values import HOUR, MINUTE, as_written, choice, duration, whole

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


def drain(given: Mapping[str, Any], pool: str) -> Drain:
    """The plain input `drain` of a pool of that name. Raises InvalidDeclaration."""
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
    deadline = fields.get("deadline", Drain.deadline)
    filling = longest(deadline, pool)
    title = given.get("message_title") if given.get("message_title") is not None else TITLE
    for name, usual in (("message", FIRST), ("final_message", FINAL)):
        text = given.get(name) if given.get(name) is not None else usual
        # The usual text is in one language, so a title in others says nothing of it.
        own_title = TITLE if given.get(name) is None and isinstance(title, Mapping) else title
        fields[name] = message(f"drain.{name}", text, "drain.message_title", own_title, filling)
    reminders: list[Reminder] = []
    for i, item in enumerate(given.get("reminders") or ()):
        reminders.append(_reminder(f"drain.reminders[{i}]", item, title, deadline, filling))
        if reminders[i].before in [other.before for other in reminders[:i]]:
            raise InvalidDeclaration(
                f"drain.reminders[{i}].before", item["before"], "is there twice", "leave it out, or write another time"
            )
    fields["reminders"] = tuple(sorted(reminders, key=lambda reminder: -reminder.before))
    return _checked(Drain(**fields), given)


def _reminder(
    prop: str, given: Mapping[str, Any], usual_title: Any, deadline: float, filling: Mapping[str, str]
) -> Reminder:
    before = duration(f"{prop}.before", given["before"])
    if not 0 < before < deadline:
        raise InvalidDeclaration(
            f"{prop}.before",
            given["before"],
            f"is not between 0 and drain.deadline ({shown(as_written(deadline))}), when the first message is sent",
            f"write one between, such as {as_written(deadline / 4)}" if deadline else "leave it out",
        )
    own = given.get("title")
    title_prop, title = ("drain.message_title", usual_title) if own is None else (f"{prop}.title", own)
    return Reminder(before, message(f"{prop}.text", given["text"], title_prop, title, filling))


def _checked(declared: Drain, given: Mapping[str, Any]) -> Drain:
    """Raises InvalidDeclaration for what cannot be meant."""
    if declared.log_off is not LogOff.FORCE:
        return declared
    if declared.grace > declared.deadline:
        enough = as_written(max(2 * declared.grace, HOUR))
        if given.get("grace") is None:
            prop, value, why = "deadline", declared.deadline, "is shorter than drain.grace"
            remedy = f"make it longer, such as {enough}, or declare drain.grace"
        else:
            prop, value, why = "grace", declared.grace, "is longer than drain.deadline"
            remedy = f"make it shorter, or drain.deadline longer, such as {enough}"
        other = declared.grace if prop == "deadline" else declared.deadline
        raise InvalidDeclaration(f"drain.{prop}", as_written(value), f"{why} ({shown(as_written(other))})", remedy)
    if declared.grace < SAFE_GRACE and not declared.allow_data_loss:
        raise InvalidDeclaration(
            "drain.grace",
            as_written(declared.grace),
            "is so short that people lose what they have not saved",
            f"declare PT{SAFE_GRACE / MINUTE:.0f}M or more, or drain.allow_data_loss: true",
        )
    return declared
