"""The capture's record: one tag of the golden VM that says where its capture stands.

`v=1;c=3f2a9c11ab;b=1768248000;f=7;p=clone;s=1768251600;o=running`. Remote reality wins over it: it holds only what
cannot be read back from Azure, and which phase was entered last. No record: nothing is under way.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from enum import StrEnum

from rollout.record import LIMIT, clean


class Phase(StrEnum):
    """Phases of a capture, in order. The allowed transitions are in `NEXT`."""

    BACKUP = "backup"
    """A snapshot of the golden VM is taken as it was found."""
    UPDATE = "update"
    """It runs, and the declared update scripts run on it one after another."""
    STOP = "stop"
    """It is shut down and deallocated; then the second snapshot is taken, of a disk at rest."""
    CLONE = "clone"
    """Disk, interface and VM are made from the second snapshot; the golden VM stays off."""
    PREPARE = "prepare"
    """On the clone: local accounts are removed, then sysprep runs."""
    PUBLISH = "publish"
    """The clone is deallocated and generalized; the image version is made from it and replicated."""
    CLEAN = "clean"
    """Clone, interface and disk are removed; after a failure also a version that was not finished."""
    RESTORE = "restore"
    """After a failure once update scripts had begun: the golden VM gets a disk made from the first snapshot."""
    RETURN = "return"
    """The golden VM gets its power state back. Unless a boot test follows it loses the record."""
    TEST = "test"
    """A machine made of the version is set up and examined, while the version is replicated to its other regions."""


NEXT: dict[Phase | None, frozenset[Phase | None]] = {
    None: frozenset({Phase.BACKUP, Phase.TEST}),
    Phase.BACKUP: frozenset({Phase.UPDATE, Phase.STOP, Phase.CLEAN}),
    Phase.UPDATE: frozenset({Phase.STOP, Phase.CLEAN}),
    Phase.STOP: frozenset({Phase.CLONE, Phase.PUBLISH, Phase.CLEAN}),
    Phase.CLONE: frozenset({Phase.PREPARE, Phase.CLEAN}),
    Phase.PREPARE: frozenset({Phase.PUBLISH, Phase.CLONE, Phase.CLEAN}),
    Phase.PUBLISH: frozenset({Phase.CLEAN}),
    Phase.CLEAN: frozenset({Phase.RESTORE, Phase.RETURN}),
    Phase.RESTORE: frozenset({Phase.RETURN}),
    Phase.RETURN: frozenset({None, Phase.TEST}),
    Phase.TEST: frozenset({None, Phase.CLEAN}),
}
"""None is a golden VM at rest. Every phase before CLEAN goes there when it fails; from STOP to PUBLISH goes a capture
that stays specialized; back to CLONE goes a clone that was found off, for nobody knows what is on its disk. With TEST
begins a version that is there and was not tested."""
VERDICT = 120
"""Characters of a boot test's verdict in the record."""
ENDING = frozenset({Phase.CLEAN, Phase.RESTORE, Phase.RETURN})


class Power(StrEnum):
    """How the golden VM was found."""

    RUNNING = "running"
    STOPPED = "stopped"
    """Shut down, and still allocated."""
    DEALLOCATED = "deallocated"


@dataclass(frozen=True)
class CaptureRecord:
    """What the golden VM's record tag says. Field names are the tag's keys."""

    c: str
    """Capture id: which declaration is captured."""
    b: int
    """Epoch second this try began; part of the names of what it makes."""
    f: int
    """Fencing number of the lease under which it was written."""
    p: Phase
    s: int
    """Epoch second the phase was entered."""
    o: Power
    """Power state as found."""
    n: int = 0
    """Update scripts that have run to their end."""
    u: int = 0
    """1 once an update script may have begun."""
    t: int = 0
    """Clones that were made and thrown away."""
    x: str = ""
    """What the boot test found: `passed`, or `failed, ` and why, shortened."""
    w: str = ""
    """Why it failed, shortened."""

    def encode(self) -> str:
        """The tag's value; the reason is cut where there is no room."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        given = {field.name: values[field.name] for field in fields(self) if values[field.name] != field.default}
        if self.x:
            given["x"] = clean(self.x)[:VERDICT]
        why = clean(str(given.pop("w", "")))
        text = ";".join(["v=1", *(f"{name}={value}" for name, value in given.items())])
        room = LIMIT - len(text) - len(";w=")
        return f"{text};w={why[:room]}" if why else text

    def to(self, phase: Phase, at: float, **changes: object) -> CaptureRecord:
        """The record in its next phase. A transition that `NEXT` does not allow is a bug, and said so."""
        if phase is not self.p and phase not in NEXT[self.p]:
            raise AssertionError(f"no transition from {self.p} to {phase}")
        return replace(self, p=phase, s=int(at), **changes)  # type: ignore[arg-type]


def decode(text: str | None) -> CaptureRecord | None:
    """The record of a tag's value; None for no tag or one that cannot be read."""
    pairs = dict(part.split("=", 1) for part in (text or "").split(";") if "=" in part)
    if pairs.pop("v", "") != "1":
        return None
    try:
        return CaptureRecord(
            c=pairs["c"],
            b=int(pairs["b"]),
            f=int(pairs["f"]),
            p=Phase(pairs["p"]),
            s=int(pairs["s"]),
            o=Power(pairs["o"]),
            n=int(pairs.get("n", 0)),
            u=int(pairs.get("u", 0)),
            t=int(pairs.get("t", 0)),
            x=pairs.get("x", ""),
            w=pairs.get("w", ""),
        )
    except (KeyError, ValueError):
        return None
