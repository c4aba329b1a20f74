"""Pre-checks: what would stop a rollout half-way is found before the first host is touched, in a preview if possible.

One file per concern; each check is a pure function from `facts.Facts` to findings. Reads are budgeted: a preview makes
a handful of calls per scope and none per host.
"""

from __future__ import annotations

from typing import Literal

from rollout.azure import Azure
from rollout.declaration import Declaration
from rollout.images import Image
from rollout.observation import Pool
from rollout.plan import hosts_to_update
from rollout.prechecks import (
    autoscale,
    building,
    directory,
    facts,
    image,
    joining,
    locks,
    machines,
    pool,
    rights,
    secrets,
    window,
)
from rollout.prechecks.facts import Facts
from rollout.prechecks.findings import Finding, Severity, merged

__all__ = ["Finding", "Severity", "judge", "run"]

CHECKS = (
    rights.out_of_scope,
    rights.check,
    pool.session_limit,
    pool.capacity,
    pool.health,
    pool.draining,
    pool.ghosts,
    autoscale.check,
    image.check,
    joining.check,
    machines.check,
    building.check,
    locks.check,
    window.check,
)
"""In the order in which their findings are told."""


def judge(known: Facts) -> list[Finding]:
    """All findings of the facts, errors first."""
    return merged(finding for check in CHECKS for finding in check(known))


async def run(
    azure: Azure,
    declaration: Declaration,
    observed: Pool,
    target: Image,
    *,
    mode: Literal["preview", "start"],
) -> list[Finding]:
    """The findings, errors first. A pool that needs no work is only asked what it is: nothing will be done to it.

    `start` also reads the secrets and each host's extensions; `preview` also tells who holds the lease. Raises
    AzureError where Azure cannot be asked at all, and InvalidDeclaration for names that are no hosts.
    """
    found = [*pool.kind(observed), *pool.paused(observed, declaration)]
    if any(finding.severity is Severity.ERROR for finding in found):
        return merged(found)
    if not hosts_to_update(observed, target, declaration):
        return merged([*found, *rights.out_of_scope(Facts(observed, target, declaration, ()))])
    known = await facts.read(azure, declaration, observed, target, extensions=mode == "start")
    found += [finding for check in CHECKS for finding in check(known)]
    found += await directory.check(azure, known)
    if mode == "start":
        found += await secrets.check(azure, declaration)
    else:
        found += pool.others(known)
    return merged(found)
