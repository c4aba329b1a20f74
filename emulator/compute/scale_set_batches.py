"""Which instances of a scale set a rolling upgrade takes next: pure.

learn.microsoft.com/azure/virtual-machine-scale-sets/virtual-machine-scale-sets-automatic-upgrade: a batch is at most
maxBatchInstancePercent of all instances and at least one; instances of different zones are not upgraded at the same
time unless enableCrossZoneUpgrade; unhealthy instances outside the batch make it smaller. Service Fabric goes update
domain by update domain. Inferred: outside of zones a batch fills one update and fault
domain after the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from emulator.wire import Body

LAST_PHASE = 2**31
"""Phase of an instance that says none."""


@dataclass(frozen=True)
class Candidate:
    """An instance that waits for its upgrade. `number` is its place in the order of creation."""

    id: str
    number: int
    zone: str
    update_domain: int
    fault_domain: int
    healthy: bool
    phase: int = LAST_PHASE
    """PhaseOrderingNumber of the application's custom metrics: lower ones come first, by themselves."""


def next_batch(
    waiting: Sequence[Candidate], total: int, unhealthy: int, policy: Body, *, by_update_domain: bool
) -> list[str]:
    """The ids of the next batch, empty where nothing waits. `total` and `unhealthy` count all instances of the set."""
    if not waiting:
        return []
    prioritize = bool(policy.get("prioritizeUnhealthyInstances"))

    def order(each: Candidate) -> tuple[object, ...]:
        domains = () if each.zone else (each.update_domain, each.fault_domain)
        return (each.phase, prioritize and each.healthy, each.zone, *domains, each.number)

    ordered = sorted(waiting, key=order)
    first = ordered[0]
    ordered = [each for each in ordered if each.phase == first.phase]
    if not policy.get("enableCrossZoneUpgrade"):
        ordered = [each for each in ordered if each.zone == first.zone]
    if by_update_domain:
        ordered = [each for each in ordered if each.update_domain == first.update_domain]
    most = max(1, total * int(policy["maxBatchInstancePercent"]) // 100)
    taken: list[Candidate] = []
    for each in ordered:
        beside = unhealthy - sum(not one.healthy for one in (*taken, each))
        if taken and len(taken) + 1 + beside > most:
            break
        taken.append(each)
    return [each.id for each in taken]


def percent(part: int, whole: int) -> int:
    """Whole percent, rounded as Azure's messages have it (unverified: to the nearest)."""
    return round(100 * part / whole) if whole else 0


def exceeds(part: int, whole: int, limit: int) -> bool:
    """Whether more than `limit` percent."""
    return whole > 0 and 100 * part > limit * whole
