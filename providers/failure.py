"""How an expected failure reaches the user."""

from __future__ import annotations


class HostPoolImageUpdateFailed(Exception):
    """The update could not be made, or not to its end.

    Pulumi shows the traceback of whatever a dynamic provider raises, so the text is one line, which is the last one
    there: what failed, where, and what to look at. It is made of ids, names and Azure's messages, never of secrets.
    Raise it `from None`: the cause would be shown above it.
    """

    def __init__(self, text: str) -> None:
        super().__init__(one_line(text))


def one_line(text: str) -> str:
    """The text without line breaks; lines become sentences."""
    return "; ".join(part for line in text.splitlines() if (part := " ".join(line.split()).rstrip(";"))).strip()
