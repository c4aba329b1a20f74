"""The host's record: one VM tag of 256 characters that says where the rollout of this host stands.

`v=1;r=3f2a9c11;a=1;f=7;p=drain;s=1768251600;...`. Remote reality wins over it: it holds only what cannot be read back
from Azure (how the host was found, why it failed) and which phase was entered last.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from enum import StrEnum
from itertools import takewhile

from rollout.errors import HostFailed

LIMIT = 256
"""Azure's limit for a tag's value."""


class Phase(StrEnum):
    """Phases of a host, in order. The allowed transitions are in `NEXT`."""

    BUILD = "build"
    """The new disk is being built; the host serves."""
    DRAIN = "drain"
    """No new sessions; waiting for those it has."""
    RELEASE = "release"
    """Out of the pool and stopping."""
    REJOIN = "rejoin"
    """The new disk is attached: start, join, agent, health."""
    SERVE = "serve"
    """Healthy on the new disk; being given back to users, leftovers removed."""
    UNDO = "undo"
    """The new disk failed: back to the old one."""
    UNDO_REJOIN = "undo-rejoin"
    """The old disk is attached again: start, repair trust and registration, health."""
    UNDO_SERVE = "undo-serve"
    """Healthy on the old disk; being given back to users, leftovers removed."""
    LEAVE = "leave"
    """The host leaves this run unswapped: drain and tags are given back, nothing else was changed."""
    ROLLED_BACK = "rolled-back"
    """Serves on the old image. Ends the attempt for this host; counts as failed."""
    FAILED = "failed"
    """Neither disk could be brought back: left drained, never diskless. Counts as failed."""


NEXT: dict[Phase | None, frozenset[Phase | None]] = {
    None: frozenset({Phase.BUILD}),
    Phase.BUILD: frozenset({Phase.DRAIN, Phase.LEAVE}),
    Phase.DRAIN: frozenset({Phase.RELEASE, Phase.LEAVE, Phase.BUILD}),
    Phase.RELEASE: frozenset({Phase.REJOIN, Phase.DRAIN, Phase.UNDO}),
    Phase.REJOIN: frozenset({Phase.SERVE, Phase.UNDO}),
    Phase.SERVE: frozenset({None}),
    Phase.UNDO: frozenset({Phase.UNDO_REJOIN, Phase.FAILED}),
    Phase.UNDO_REJOIN: frozenset({Phase.UNDO_SERVE, Phase.FAILED}),
    Phase.UNDO_SERVE: frozenset({Phase.ROLLED_BACK}),
    Phase.LEAVE: frozenset({None, Phase.ROLLED_BACK, Phase.FAILED, Phase.BUILD}),
    Phase.ROLLED_BACK: frozenset({Phase.BUILD}),
    Phase.FAILED: frozenset({Phase.BUILD}),
}
"""None is a host without a record: at rest. Back to BUILD go hosts that an interrupted run was draining or leaving."""

BEFORE = "before: "
"""How the reason of an earlier attempt begins, while the host is tried again."""
ENDED = frozenset({Phase.ROLLED_BACK, Phase.FAILED})
UNAVAILABLE = frozenset(
    {Phase.RELEASE, Phase.REJOIN, Phase.UNDO, Phase.UNDO_REJOIN, Phase.UNDO_SERVE, Phase.SERVE, Phase.FAILED}
)
"""Phases in which a host holds a slot of max_unavailable; SERVE gives it back once the host takes sessions."""


@dataclass(frozen=True)
class HostRecord:
    """What a VM's record tag says. Field names are the tag's keys."""

    r: str
    """Rollout id."""
    a: int
    """Attempt."""
    f: int
    """Fencing number of the lease under which it was written."""
    p: Phase
    s: int
    """Epoch second the phase was entered."""
    d: str = ""
    """Name of the OS disk as found."""
    k: str = ""
    """Name of the disk to attach, when it is a kept one (a revert), else it follows from the build key."""
    n: int = 1
    """1 if the host took new sessions as found."""
    o: int = 0
    """1 if the host was off as found."""
    x: int = 0
    """1 if the exclusion tag was put on by us."""
    e: int = 0
    """1 if osDisk.deleteOption was Delete as found."""
    z: str = ""
    """VM size as found, when it is changed."""
    j: int = 0
    """1 if the Entra login extension was on the VM as found."""
    m: int = 0
    """Seconds after `s` at which all sessions that there were had got the messages that were due; 0: nobody has."""
    b: int = 0
    """1 if an earlier attempt left the host failed: it is not given back to users unswapped."""
    q: int = 0
    """1 if its failed disk is kept in quarantine."""
    h: int = 0
    """1 while it takes no new sessions ahead of its turn, 2 once it takes them again before that."""
    w: str = ""
    """Why it failed, shortened."""

    def encode(self) -> str:
        """The tag's value: only the reason is cut where there is no room.

        Raises HostFailed where even the rest is too long: a record that lost a name would lose the disk.
        """
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        given = {field.name: values[field.name] for field in fields(self) if values[field.name] != field.default}
        if self.k:
            given["k"] = _shared(self.k, self.d)
        why = given.pop("w", "")
        text = ";".join(["v=1", *(f"{name}={clean(str(value))}" for name, value in given.items())])
        if len(text) > LIMIT:
            raise HostFailed(f"the names of its disks are too long for its record: {self.d}, {self.k}")
        room = LIMIT - len(text) - len(";w=")
        return f"{text};w={clean(why)[:room]}" if why and room > 0 else text

    def to(self, phase: Phase, at: float, **changes: object) -> HostRecord:
        """The record in its next phase. A transition that `NEXT` does not allow is a bug, and said so."""
        if phase is not self.p and phase not in NEXT[self.p]:
            raise AssertionError(f"no transition from {self.p} to {phase}")
        waits = phase in (Phase.BUILD, Phase.LEAVE)
        kept = {"m": self.m if phase is self.p else 0, "h": self.h if waits else 0, **changes}
        return replace(self, p=phase, s=int(at), **kept)  # type: ignore[arg-type]

    @property
    def failing(self) -> bool:
        """It failed in this attempt; what is told of an earlier one begins with `BEFORE`."""
        return bool(self.w) and not self.w.startswith(BEFORE)

    @property
    def found_draining(self) -> bool:
        return self.n == 0

    @property
    def closed(self) -> bool:
        """It was closed to new sessions ahead of its turn."""
        return self.h == 1

    @property
    def found_off(self) -> bool:
        return self.o == 1


def decode(text: str | None) -> HostRecord | None:
    """The record of a tag's value; None for no tag or one that cannot be read (then it is rebuilt from reality)."""
    if not text:
        return None
    pairs = dict(part.split("=", 1) for part in text.split(";") if "=" in part)
    if pairs.pop("v", "") != "1":
        return None
    try:
        values: dict[str, object] = {
            field.name: (int(pairs[field.name]) if field.type == "int" else pairs[field.name])
            for field in fields(HostRecord)
            if field.name in pairs
        }
        values["p"] = Phase(str(values["p"]))
        values["k"] = _whole(str(values.get("k", "")), str(values.get("d", "")))
        return HostRecord(**values)  # type: ignore[arg-type]
    except (KeyError, TypeError, ValueError):
        return None


def _shared(name: str, other: str) -> str:
    """A disk's name by what it has in common with another's, `~6~rest`: both begin with the VM's name, and two names of
    80 characters do not fit. No disk name has a tilde."""
    common = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(name, other, strict=False)))
    short = f"~{common}~{name[common:]}"
    return short if len(short) < len(name) else name


def _whole(name: str, other: str) -> str:
    """The opposite of `_shared`. Raises ValueError."""
    if not name.startswith("~"):
        return name
    common, _, rest = name[1:].partition("~")
    return other[: int(common)] + rest


def clean(value: str) -> str:
    """Text that survives in the record: no separators, one line."""
    return " ".join(value.replace(";", ",").replace("=", ":").split())
