"""The calls that Azure grants: do they, rather than max_unavailable, bound the rollout, and does somebody use them up?

Azure Resource Manager counts per principal and subscription (learn.microsoft.com/azure/azure-resource-manager/
management/request-limits-and-throttling); what a host takes is known by experience (`cloud/pace.py`).
"""

from __future__ import annotations

from collections.abc import Iterator

from rollout import schedule
from rollout.prechecks.facts import Facts
from rollout.prechecks.findings import Finding, warning

HOUR = 3600.0
BUSY = 0.8
"""From this scarcity on, most of what Azure grants at once is used by others: a look at a large pool takes less."""


def check(facts: Facts) -> Iterator[Finding]:
    declaration, hosts = facts.declaration, len(facts.hosts)
    if facts.scarcity > BUSY:
        yield warning(
            "calls-scarce",
            f"/subscriptions/{facts.pool.id.split('/')[2]}",
            f"{facts.scarcity:.0%} of the reads that Azure grants the updater at once are used up, so that others use "
            "the same principal: what the rollout does waits for its turn",
            "give the updater a principal of its own (HOSTPOOL_CLIENT_ID), or run it when the others do not",
        )
    planned = schedule.estimate(declaration, hosts, len(facts.pool.hosts), facts.pool.observed_at)
    least = hosts / facts.hosts_an_hour * HOUR
    if planned.windows == 1 and least > planned.ends - planned.begins:
        yield warning(
            "calls-bound",
            f"max_unavailable: {str(declaration.max_unavailable)!r}",
            f"Azure's limits let about {facts.hosts_an_hour:.0f} hosts an hour through, so that {hosts} hosts take "
            f"{least / HOUR:.1f} hours at the least, and not {(planned.ends - planned.begins) / HOUR:.1f}",
            "plan for that long, or spread the hosts over subscriptions; more hosts at once make it no faster",
        )
