"""What users of a host that drains are told: titles and texts with placeholders, in one language or several."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from rollout.errors import InvalidDeclaration
from rollout.values import template

LONGEST = 260
"""Characters of a title or text with its placeholders filled in: AVD's own limit for a log-off message
(azure-docs session-host-update). That of sendMessage itself is not documented."""
ANY_LANGUAGE = ""
COMPUTER_NAME = 15
"""Characters of a Windows computer name at most."""

PLACEHOLDERS: Mapping[str, str] = {
    "minutes": "minutes until the user should have signed out",
    "time": "when that is, in the pool's zone: 22:15, with the date if it is not today",
    "time_utc": "the same in UTC: 21:15 UTC",
    "finish": "when the desktop is expected to be updated, in the pool's zone",
    "finish_utc": "the same in UTC",
    "host": "the computer's name",
    "pool": "the host pool's name",
}
"""What a text may name in braces, and what stands for it."""


@dataclass(frozen=True)
class Message:
    """What is told at one time: (title, text) for each language, in the languages' order, placeholders as declared."""

    boxes: tuple[tuple[str, str], ...]

    def filled(self, values: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
        """Titles and texts as they are sent."""
        return tuple((title.format_map(values), text.format_map(values)) for title, text in self.boxes)


def message(prop: str, text: Any, title_prop: str, title: Any, filling: Mapping[str, str]) -> Message:
    """The message of plain inputs, each a text or an object of texts by language; `filling` is what `longest` gives.
    Raises InvalidDeclaration for a text that is too long when filled in, names an unknown placeholder, or has no title
    of its language."""
    titles = _by_language(title_prop, title, filling, '"Maintenance"')
    texts = _by_language(prop, text, filling, '"Please sign out by {time}."')
    boxes = []
    for language, words in texts.items():
        heading = titles.get(language, titles.get(ANY_LANGUAGE))
        if heading is None:
            raise InvalidDeclaration(
                title_prop,
                ", ".join(titles),
                f"has no title in the language {language!r} of {prop}",
                f'write one, such as {{"{language}": "Maintenance"}}, or one title for all languages',
            )
        boxes.append((heading, words))
    return Message(tuple(boxes))


def values(ends: float, finish: float, *, now: float, zone: str, host: str = "", pool: str = "") -> dict[str, str]:
    """What stands for the placeholders. `ends`: epoch second at which the user should have signed out; `finish`: at
    which the host is expected to be updated; `zone`: IANA name of the pool's zone."""
    return {
        "minutes": str(max(1, round((ends - now) / 60))),
        "time": _clock_time(ends, now, zone),
        "time_utc": f"{_clock_time(ends, now, 'UTC')} UTC",
        "finish": _clock_time(finish, now, zone),
        "finish_utc": f"{_clock_time(finish, now, 'UTC')} UTC",
        "host": host,
        "pool": pool,
    }


def longest(deadline: float, pool: str) -> dict[str, str]:
    """What makes a text the longest that it can be when its placeholders are filled in."""
    day = 86400.0
    filling = values(deadline, deadline + day, now=-day, zone="UTC", host="x" * COMPUTER_NAME, pool=pool)
    return {**filling, "minutes": str(max(10, round(deadline / 60)))}


def _by_language(prop: str, given: Any, filling: Mapping[str, str], example: str) -> dict[str, str]:
    """Texts by language, sorted (Pulumi does not keep the order of keys); ANY_LANGUAGE for a plain text."""
    texts = dict(given) if isinstance(given, Mapping) else {ANY_LANGUAGE: given}
    if not texts:
        raise InvalidDeclaration(prop, given, "names no language", 'write a text, or {"en": "...", "nl": "..."}')
    found = {}
    for language in sorted(texts):
        where = f"{prop}.{language}" if language else prop
        words = texts[language]
        if not isinstance(words, str) or not words.strip():
            raise InvalidDeclaration(where, words, "is no text", f"write one such as {example}")
        found[language] = template(where, words, PLACEHOLDERS, f"such as {example}")
        length = len(words.format_map(filling))
        if length > LONGEST:
            raise InvalidDeclaration(
                where,
                f"{words[:40]}...",
                f"has up to {length} characters when it is filled in",
                f"write {LONGEST} at most, as AVD's own messages, such as {example}",
            )
    return found


def _clock_time(at: float, now: float, zone: str) -> str:
    there, today = (datetime.fromtimestamp(moment, UTC).astimezone(ZoneInfo(zone)) for moment in (at, now))
    return there.strftime("%H:%M" if there.date() == today.date() else "%Y-%m-%d %H:%M")
