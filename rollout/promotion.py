"""Promotion: which version a pool gets that declares another pool's, and what is said where that is not ready.

The facts are what rollouts wrote into the other pool's tags, read with one GET: a stack's outputs are those of its last
run that succeeded, and say nothing of one that failed since. A version is ready once a rollout has brought it to that
pool's hosts, `soak` has passed since, no more than `max_failed` hosts have failed on it, and as many people as declared
have approved it. Until then this pool stays with what it has; a rollout that is under way or scheduled goes on.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import takewhile

from rollout import history, hold, names, pool_record
from rollout.azure import Azure
from rollout.declaration import Declaration
from rollout.errors import Forbidden, InvalidDeclaration
from rollout.images import canonical, definition_of, short, version_key
from rollout.observation import Pool
from rollout.pool_record import State
from rollout.promote_from import PROMOTED, PromoteFrom
from rollout.values import DAY, HOUR, MINUTE

_ENDED_WELL = (State.COMPLETE, State.COMPLETE_WITH_FAILURES)
_STANDS = {
    State.RUNNING: "is being rolled out in",
    State.PAUSED: "is paused in",
    State.STOPPED: "was stopped in",
}


@dataclass(frozen=True)
class Approval:
    """Who approved that a version comes to this pool, as a tag of it: one for each person, so that two who approve at
    the same moment both count. Field names are the tag's keys."""

    v: str
    """The version."""
    by: str
    at: int
    """Epoch second."""
    ticket: str = ""
    """Number of the change ticket."""

    @property
    def tag(self) -> str:
        return f"{names.PROMOTION}{names.digest(self.by, length=8)}"

    def encode(self) -> str:
        given = {"v": self.v, "by": self.by, "at": str(self.at), "ticket": self.ticket}
        return ";".join(f"{name}={' '.join(value.replace(';', ',').split())[:100]}" for name, value in given.items())


def approvals_of(tags: Mapping[str, str], version: str) -> tuple[Approval, ...]:
    """The approvals of a version in a pool's tags, the earliest first."""
    found = []
    for name, text in tags.items():
        pairs = dict(part.split("=", 1) for part in text.split(";") if "=" in part)
        if name.startswith(names.PROMOTION) and pairs.get("v") == version and pairs.get("at", "").isdigit():
            found.append(Approval(version, pairs.get("by", ""), int(pairs["at"]), pairs.get("ticket", "")))
    return tuple(sorted(found, key=lambda approval: (approval.at, approval.by)))


@dataclass(frozen=True)
class Proof:
    """What a pool's tags say of the version that it was brought to last."""

    image: str
    """The tag with the image version's id."""
    state: State
    """Of the last attempt."""
    since: float | None
    """Epoch second at which a rollout to it first ended with the hosts on it; None before that."""
    failed: int
    """Hosts that were rolled back or failed, over all attempts to bring them to it."""

    @property
    def version(self) -> str:
        return short(self.image)


def proof_of(tags: Mapping[str, str]) -> Proof | None:
    """The proof that a pool's tags hold; None where no rollout has run on it."""
    record, target = pool_record.decode(tags.get(names.RECORD)), tags.get(names.TARGET)
    if record is None or not target:
        return None
    version = short(target)[: history.LONGEST_FIELD]
    # Repeated rollouts of one version, for a host that was added or had drifted, do not begin its soak anew.
    entries = tuple(takewhile(lambda entry: entry.version == version, history.read(tags.get(names.HISTORY))))
    ends = [entry.ended for entry in entries if entry.state in _ENDED_WELL and entry.updated]
    failed = sum(entry.failed + entry.rolled_back for entry in entries)
    return Proof(target, record.st, min(ends, default=None), failed)


@dataclass(frozen=True)
class Promotion:
    """What comes of it."""

    version: str
    """The version that the pool shall run now; empty where it shall be left alone."""
    why_not: str = ""
    """Why that is not the version of the other pool, for people; empty where it is."""


def promotion(declared: PromoteFrom, image: str, pool: Pool, source: Mapping[str, str]) -> Promotion:
    """The version for a pool that declares `image`; `source` are the other pool's tags. Raises InvalidDeclaration where
    that pool runs another image."""
    now, proof = pool.observed_at, proof_of(source)
    if proof is None:
        present = present_version(pool, image, "")
        return Promotion(present, f"no rollout has run in {declared.name} yet, so that its version is not known")
    _refuse_other_image(declared, image, proof)
    present, highest = present_version(pool, image, proof.version), _highest(pool, image)
    missing = not_ready(declared, proof, len(approvals_of(pool.tags, proof.version)), now)
    if missing:
        return Promotion(present, missing)
    above = max((present, highest), key=version_key)
    if version_key(proof.version) < version_key(above) and not declared.allow_downgrade:
        lower = f"{declared.name} runs {proof.version}, and this pool {above}"
        return Promotion(present, f"{lower}; to follow it down, declare promote_from.allow_downgrade")
    return Promotion(proof.version)


def not_ready(declared: PromoteFrom, proof: Proof, approved: int, now: float) -> str:
    """`1.4.2 is in test since 5 h, 43 h to go; 1 host failed there`; empty where it is ready."""
    missing = []
    stands = _STANDS.get(proof.state, "has not come to any host in")
    line = f"{proof.version} {stands} {declared.name}"
    if proof.since is None:
        missing.append("")
    else:
        passed = max(0.0, now - proof.since)
        line = f"{proof.version} is in {declared.name} since {_span(passed)}"
        if passed < declared.soak:
            missing.append(f", {_span(declared.soak - passed, up=True)} to go")
    if proof.failed > declared.max_failed:
        missing.append(f"; {proof.failed} host{'' if proof.failed == 1 else 's'} failed there")
    if approved < declared.approvals:
        how = f"hostpool approve --promotion {proof.version}"
        missing.append(f"; {approved} of {declared.approvals} have approved it ({how})")
    return line + "".join(missing) if missing else ""


def present_version(pool: Pool, image: str, candidate: str) -> str:
    """The version that a pool stays with: of the rollout that is scheduled, unless the other pool has gone back behind
    it since; of the last attempt, unless it was stopped; else the one that all hosts run. Empty where there is none of
    these, as after an attempt that was stopped half-way: nothing is begun then before a version is ready."""
    held = hold.of(pool.tags)
    if held is not None and (not candidate or version_key(candidate) > version_key(held.to)):
        return held.to
    record, target = pool.record, pool.tags.get(names.TARGET, "")
    if record is not None and record.st is not State.STOPPED:
        return short(target) if _same_definition(target, image) else ""
    versions = _versions(pool, image)
    return versions[0] if len(set(versions)) == 1 else ""


async def promoted(azure: Azure, declaration: Declaration, pool: Pool) -> tuple[Declaration | None, str]:
    """The declaration with a version in place of `promoted`, and why that is not the other pool's; None where the pool
    is to be left alone. Another version is left as it is: what is declared overrides what would be promoted.

    Raises InvalidDeclaration where the other pool cannot be read or runs another image, AzureError else.
    """
    declared = declaration.promote_from
    if declared is None or declaration.version.lower() != PROMOTED:
        return declaration, ""
    try:
        body = await azure.get_host_pool(declared.host_pool_id)
    except Forbidden:
        body = None
    if body is None:
        raise InvalidDeclaration(
            "promote_from.host_pool_id",
            declared.host_pool_id,
            "does not exist, or the credential may not read it",
            "correct the id, or give the updater the role Reader on that host pool",
        )
    found = promotion(declared, declaration.image, pool, dict(body.get("tags") or {}))
    return (replace(declaration, version=found.version) if found.version else None), found.why_not


def _refuse_other_image(declared: PromoteFrom, image: str, proof: Proof) -> None:
    if not _same_definition(proof.image, image):
        raise InvalidDeclaration(
            "image",
            image,
            f"is not the image that {declared.name} runs ({definition_of(proof.image)}), so that a version of that "
            "says nothing of it",
            "declare the same image in both, or write a version",
        )


def _same_definition(tag: str, image: str) -> bool:
    """Whether the tag of an image version is of the image. Of an id too long for a tag there is a digest only."""
    digested = "/versions/" in tag and not tag.startswith("/")
    return digested or definition_of(tag) == canonical(image)


def _versions(pool: Pool, image: str) -> list[str]:
    """Versions of the image that hosts run; empty where one runs another image."""
    running = [host.image or "" for host in pool.hosts]
    return [short(one) for one in running] if all(definition_of(one) == canonical(image) for one in running) else []


def _highest(pool: Pool, image: str) -> str:
    ours = [short(host.image) for host in pool.hosts if host.image and definition_of(host.image) == canonical(image)]
    return max(ours, key=version_key, default="")


def _span(seconds: float, *, up: bool = False) -> str:
    """`5 h`, in whole units: those that have passed, or with `up` those that are left."""
    unit, name = (DAY, "d") if seconds >= 3 * DAY else (HOUR, "h") if seconds >= HOUR else (MINUTE, "min")
    return f"{math.ceil(seconds / unit) if up else math.floor(seconds / unit)} {name}"
