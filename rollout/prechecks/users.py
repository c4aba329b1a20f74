"""The users of the pool: whose work is at risk, and which hosts somebody protects."""

from __future__ import annotations

from collections.abc import Iterator

from rollout import plan
from rollout.declaration import Declaration
from rollout.draining import SAFE_GRACE, LogOff
from rollout.errors import shown
from rollout.images import Image
from rollout.observation import Pool
from rollout.prechecks.facts import Facts
from rollout.prechecks.findings import Finding, warning
from rollout.protection import TAG, Policy, Then
from rollout.values import as_written


def at_risk(facts: Facts) -> Iterator[Finding]:
    """Sessions as of now that may be ended sooner than people save their work."""
    drain = facts.declaration.drain
    if drain.log_off is not LogOff.FORCE or drain.grace >= SAFE_GRACE:
        return
    counts = [host.session_host.sessions for host in facts.hosts if host.session_host is not None]
    busy = sum(count > 0 for count in counts)
    if busy:
        yield warning(
            "sessions-at-risk",
            f"drain.grace: {shown(as_written(drain.grace))}",
            f"{sum(counts)} sessions on {busy} hosts are at risk now: who has not signed out at the deadline is logged "
            "off that soon after the final message, and loses what is not saved",
            f"declare PT{SAFE_GRACE / 60:.0f}M or more, or run it when fewer users are signed in",
        )


def protected(pool: Pool, image: Image, declaration: Declaration) -> Iterator[Finding]:
    """Hosts that are left out, or waited for, because of a tag on their VM."""
    protection = declaration.protection
    then = "fails" if protection.then is Then.FAIL else "is left out"
    what = {
        Policy.SKIP: "the host is left out",
        Policy.WAIT: f"the host is not drained before the tag is gone, and {then} after "
        f"{protection.deadline / 60:.0f} min",
        Policy.IGNORE: "",
    }[protection.policy]
    for host, why in plan.protected(pool, image, declaration):
        yield warning(
            "protected-host",
            host.name,
            f"{why}; {what}",
            f"remove the tag when nobody needs it any more (az tag update --resource-id {host.vm.id} --operation "
            f"Delete --tags {TAG}=<value>)",
        )
