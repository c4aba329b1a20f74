"""How an expected failure reaches the user."""

from __future__ import annotations

import sys
import traceback
from types import SimpleNamespace


class Failed(Exception):
    """What was declared could not be made so, or not to its end.

    The text is one line: what failed, where, and what to look at. It is made of ids, names, Azure's messages and the
    guest's words, never of secrets.
    """

    def __init__(self, text: str) -> None:
        super().__init__(one_line(text))


class HostPoolImageUpdateFailed(Failed):
    """The update could not be made, or not to its end."""


class GoldenImageVersionFailed(Failed):
    """The version could not be made."""


class ScaleSetUpgradePolicyFailed(Failed):
    """The scale set could not be brought to the declaration, or given back."""


class ScaleSetImageUpgradeFailed(Failed):
    """The instances could not be brought to the image, or nobody watches the upgrade any longer."""


class BatchPoolUpgradePolicyFailed(Failed):
    """The Batch pool could not be brought to the declaration, or given back."""


class BatchPoolImageUpgradeFailed(Failed):
    """Azure has not brought the nodes to the image, or nobody watches them any longer."""


def one_line(text: str) -> str:
    """The text without line breaks; lines become sentences."""
    return "; ".join(part for line in text.splitlines() if (part := " ".join(line.split()).rstrip(";"))).strip()


def only_sentences() -> bool:
    """Let Pulumi show of an expected failure its sentence alone; whether that could be done.

    The server of `pulumi.dynamic` (pulumi/dynamic/__main__.py) answers whatever a provider raises with
    `traceback.format_exc()`, so that its name `traceback` gets another meaning. A Pulumi SDK that is made otherwise is
    left alone: then the sentence is the last line below a traceback.
    """
    server = sys.modules["__main__"]
    if getattr(server, "traceback", None) is not traceback:
        return False
    server.traceback = SimpleNamespace(format_exc=_told)  # type: ignore[attr-defined]
    return True


def _told() -> str:
    """Of the exception that is being handled."""
    raised = sys.exc_info()[1]
    return str(raised) if isinstance(raised, Failed) else traceback.format_exc()
