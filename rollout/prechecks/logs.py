"""Will Log Analytics take the audit log's rows? A rollout never stops for them: what is not sent waits in the file.

Nothing is sent to find out. The updater's permissions on the data collection rule say it, where they may be read; the
role that lets it send rows does not contain that read.
"""

from __future__ import annotations

from collections.abc import Iterator

from rollout.prechecks.actions import LOGS_WRITE, PERMISSIONS_READ
from rollout.prechecks.facts import Facts
from rollout.prechecks.findings import Finding, warning
from rollout.prechecks.rights import allows


def check(facts: Facts) -> Iterator[Finding]:
    declared = facts.declaration.log_analytics
    if declared is None:
        return
    permissions = facts.permissions.get(declared.resource_id)
    if not declared.resource_id:
        yield warning(
            "log-rights-unknown",
            f"log_analytics.rule_id: {declared.rule_id!r}",
            "whether the updater may send rows to the rule is not verified",
            'declare log_analytics.resource_id (az monitor data-collection rule list --query "[].id"), and give the '
            "updater the role Reader there",
        )
    elif permissions is None:
        yield warning(
            "log-rights-unknown",
            declared.resource_id,
            "whether the updater may send rows to the rule is not verified: its rights there cannot be read, or there "
            "is no such rule",
            f"give it {PERMISSIONS_READ} there (az role assignment create --role Reader --assignee <client id> --scope "
            f"{declared.resource_id})",
        )
    elif not allows(permissions, LOGS_WRITE, data=True):
        yield warning(
            "log-rights-missing",
            declared.resource_id,
            f"the updater lacks the data action {LOGS_WRITE}: rows of the audit log wait in its file",
            "assign the role (az role assignment create --role 'Monitoring Metrics Publisher' --assignee <client id> "
            f"--scope {declared.resource_id})",
        )
