"""Pre-checks: what would stop a rollout half-way is found before the first host is touched, in a preview if possible.

One file per concern; each check is a pure function from `facts.Facts` to findings. Reads are budgeted: a preview makes
a handful of calls per scope and none per host.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from rollout.azure import Azure
from rollout.declaration import Declaration
from rollout.images import Image
from rollout.observation import Pool
from rollout.plan import hosts_to_update
from rollout.prechecks import (
    autoscale,
    budget,
    building,
    directory,
    disks,
    effect,
    facts,
    hosts,
    image,
    joining,
    locks,
    logs,
    machines,
    pool,
    rights,
    secrets,
    terms,
    users,
    window,
)
from rollout.prechecks.facts import Facts
from rollout.prechecks.findings import Finding, Severity, merged

__all__ = ["Finding", "Mode", "Severity", "run"]

CHECKS = (
    rights.out_of_scope,
    rights.check,
    pool.session_limit,
    pool.capacity,
    pool.draining,
    hosts.check,
    users.at_risk,
    autoscale.check,
    image.check,
    terms.check,
    joining.check,
    machines.check,
    building.check,
    disks.check,
    locks.check,
    window.check,
    budget.check,
    logs.check,
)
"""In the order in which their findings are told."""


Mode = Literal["preview", "start", "check"]
"""Of whom the pre-checks are asked. `start`, an update that is about to write, and `check`, which only wants to know
whether it could, also read each host's extensions, and need the secrets; `preview` and `check` also look at the
lease."""


async def run(azure: Azure, declaration: Declaration, observed: Pool, target: Image, *, mode: Mode) -> list[Finding]:
    """The findings, errors first. A pool that needs no work is only asked what it is: nothing will be done to it.

    Raises AzureError where Azure cannot be asked at all, and InvalidDeclaration for names that are no hosts.
    """
    found = list(pool.kind(observed))
    if any(finding.severity is Severity.ERROR for finding in found):
        return merged([*found, *pool.paused(observed, declaration)])
    found += users.protected(observed, target, declaration)
    if not hosts_to_update(observed, target, declaration):
        nothing = Facts(observed, target, declaration, ())
        return merged([*found, *pool.paused(observed, declaration), *rights.out_of_scope(nothing)])
    known = await facts.read(azure, declaration, observed, target, extensions=mode != "preview")
    # Whoever works on the pool, or has paused it, may be done before an update begins; now it could not.
    in_the_way = [*pool.paused(observed, declaration), *(pool.others(known) if mode != "start" else ())]
    found += [replace(f, severity=Severity.ERROR) if mode == "check" else f for f in in_the_way]
    found += [finding for check in CHECKS for finding in check(known)]
    found += effect.check(known, start_is_fatal=mode != "start")
    found += await directory.check(azure, known)
    found += await secrets.check(azure, known, preview=mode == "preview")
    return merged(found)
