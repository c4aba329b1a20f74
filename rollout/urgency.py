"""How soon a call to Azure is wanted: said by who makes it, heeded by who shares out what Azure grants.

A context variable, so that it reaches every call that is made on behalf of the task which set it.
"""

from __future__ import annotations

from contextvars import ContextVar
from enum import IntEnum


class Urgency(IntEnum):
    """The smaller, the sooner."""

    RUN = 0
    """The run's own: its lease, its pool, its beginning and end. It must never starve."""
    OUT = 1
    """A host is out of service, or everybody waits for the first hosts."""
    DRAINING = 2
    """A host still serves its last users."""
    LATER = 3
    """Nobody waits: disks built ahead, what is removed from hosts that serve again."""


urgency: ContextVar[Urgency] = ContextVar("urgency", default=Urgency.RUN)
