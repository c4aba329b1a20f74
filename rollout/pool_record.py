"""The rollout's record: tags on the host pool that any later process reads first.

`avd-rollout` holds id, attempt, state and counts; `avd-rollout-image` the target; `avd-rollout-declaration-N` the
declaration (compressed, no secrets: it names Key Vault secrets, it never holds them), so that the `hostpool` command
and a run on another machine need nothing but the pool's id.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any

from rollout import names
from rollout.clock import iso

PIECE = 256
PIECES = 12
"""At most this many tags for the declaration, of the 50 a resource may have."""


class State(StrEnum):
    """State of an attempt, as stored. `running` is resumed by the next run; all others have ended, but `paused` goes
    on in the same attempt."""

    RUNNING = "running"
    PAUSED = "paused"
    COMPLETE = "complete"
    COMPLETE_WITH_FAILURES = "complete_with_failures"
    STOPPED = "stopped"


@dataclass(frozen=True)
class RolloutRecord:
    """What the pool's record tag says."""

    r: str
    """Rollout id."""
    a: int
    """Attempt."""
    st: State
    s: int
    """Epoch second the attempt began."""
    u: int = 0
    """Epoch second of the last change of state."""
    n: int = 0
    """Hosts the attempt began with that needed work."""
    c: int = 0
    """1 once the canary has passed."""
    t: str = ""
    """The one host that is rebuilt, when the rollout is a rebuild."""
    b: int = 0
    """1 once the canary has baked, where somebody has to approve before the rest follows."""
    e: str = ""
    """Why it began outside its window, shortened, when it is an emergency."""

    @property
    def resumable(self) -> bool:
        return self.st in (State.RUNNING, State.PAUSED)

    @property
    def died(self) -> bool:
        """It had begun and came to no end: seen by the next run, its process is gone."""
        return self.st is State.RUNNING

    def encode(self) -> str:
        return ";".join(["v=1", *(f"{f.name}={getattr(self, f.name)}" for f in fields(self))])


def decode(text: str | None) -> RolloutRecord | None:
    """The record of a tag's value, or None."""
    pairs = dict(part.split("=", 1) for part in (text or "").split(";") if "=" in part)
    if pairs.pop("v", "") != "1":
        return None
    try:
        return RolloutRecord(
            pairs["r"],
            int(pairs["a"]),
            State(pairs["st"]),
            int(pairs["s"]),
            int(pairs.get("u", 0)),
            int(pairs.get("n", 0)),
            int(pairs.get("c", 0)),
            pairs.get("t", ""),
            int(pairs.get("b", 0)),
            pairs.get("e", ""),
        )
    except (KeyError, ValueError):
        return None


def last(at: float, what: str, who: str, why: str = "") -> str:
    """`2026-01-12T21:03:11Z paused, run by ada@desk-7 4711: 3 of 12 updated`, as long as a tag may be."""
    return " ".join(f"{iso(at)} {what}, run by {who}{f': {why}' if why else ''}".split())[:PIECE]


def declaration_tags(inputs: Mapping[str, Any], prefix: str = names.DECLARATION) -> dict[str, str]:
    """The declaration as tags; raises ValueError when it is too long for them."""
    text = json.dumps(dict(inputs), sort_keys=True, separators=(",", ":"))
    packed = base64.b64encode(zlib.compress(text.encode(), 9)).decode()
    pieces = [packed[i : i + PIECE] for i in range(0, len(packed), PIECE)]
    if len(pieces) > PIECES:
        raise ValueError(f"the declaration takes {len(pieces)} tags, {PIECES} at most")
    tags = {f"{prefix}{i}": piece for i, piece in enumerate(pieces)}
    tags[f"{prefix}count"] = str(len(pieces))
    return tags


def read_declaration(tags: Mapping[str, str], prefix: str = names.DECLARATION) -> dict[str, Any] | None:
    """The declaration of a pool's tags, or None."""
    try:
        count = int(tags[f"{prefix}count"])
        packed = "".join(tags[f"{prefix}{i}"] for i in range(count))
        result = json.loads(zlib.decompress(base64.b64decode(packed)))
    except (KeyError, ValueError, zlib.error):
        return None
    return result if isinstance(result, dict) else None
