"""Azure's error codes of rolling OS upgrades: what each means, and what to do. One table, for messages and docs.

Codes and meanings: learn.microsoft.com/azure/virtual-machine-scale-sets/virtual-machine-scale-sets-automatic-upgrade,
"Investigate and resolve auto upgrade errors". What to do follows from the rules of the orchestrator on the same page,
where no source of its own is named.
"""

from __future__ import annotations

from dataclasses import dataclass

from os_upgrades import sources
from os_upgrades.progress import Problem

_ERRORS = f"{sources.AUTOMATIC_UPGRADE}#investigate-and-resolve-auto-upgrade-errors"
_CREDENTIALS = f"{sources.AUTOMATIC_UPGRADE}#keep-credentials-up-to-date"


@dataclass(frozen=True)
class Remedy:
    """One code."""

    code: str
    means: str
    """Goes on from the code: `more than ... are unhealthy`."""
    do: str
    source: str


REMEDIES: tuple[Remedy, ...] = (
    Remedy(
        "MaxUnhealthyInstancePercentExceededBeforeRollingUpgrade",
        "more instances were unhealthy than max_unhealthy_instance_percent allows, before one was touched",
        "mend the unhealthy instances, then run again; a set so small that one instance is more than the limit needs a "
        "higher one (2 instances: 50)",
        _ERRORS,
    ),
    Remedy(
        "MaxUnhealthyInstancePercentExceededInRollingUpgrade",
        "more instances became unhealthy meanwhile, for whatever reason, than max_unhealthy_instance_percent allows; "
        "the batch was ended, and no other began",
        "find out what else happened to the instances (maintenance, scaling, an outage), then run again: those that "
        "are upgraded stay so",
        _ERRORS,
    ),
    Remedy(
        "MaxUnhealthyUpgradedInstancePercentExceededInRollingUpgrade",
        "more of the upgraded instances did not become healthy than max_unhealthy_upgraded_instance_percent allows",
        "look at the failed instances below: the image, an extension or the health endpoint is at fault. Exclude the "
        "version from latest, mend it, publish a new one",
        _ERRORS,
    ),
    Remedy(
        "RollingUpgradeInProgressWithFailedUpgradedVMs",
        "an instance could not be upgraded; the others go on as long as the limits allow",
        "look at the failed instances below; bring them to the model again (az vmss update-instances), or reimage them",
        _ERRORS,
    ),
    Remedy(
        "RollingUpgradeTimeoutError",
        "the upgrade took longer than Azure lets it",
        "run again, which goes on with the instances that are left; larger batches "
        "(max_batch_instance_percent) or shorter pauses make it quicker",
        _ERRORS,
    ),
    Remedy(
        "InternalExecutionError",
        "something unexpected went wrong in Azure",
        "run again; if it stays, ask Azure's support with the message",
        _ERRORS,
    ),
    Remedy(
        "RollingUpgradeInstanceUnhealthyError",
        "the instance was unhealthy, or could not be reached",
        "look at its application and its health endpoint (az vmss get-instance-view --instance-id)",
        "github.com/Azure/Service-Fabric-Troubleshooting-Guides",
    ),
    Remedy(
        "RollingUpgradeBatchStartTimeNotWithinScheduledWindows",
        "the maintenance window closed before the next batch could begin",
        "nothing: Azure goes on in the next window. A longer window, 5 hours at least, or larger batches help",
        "github.com/MicrosoftDocs/azure-docs/issues/113861",
    ),
    Remedy(
        "VMExtensionProvisioningError",
        "an extension failed on the new disk",
        "an expired SAS token or secret is the usual cause: make a new one, put it into the extensions of the model, "
        "and deploy the scale set, which also brings the failed instances up",
        _CREDENTIALS,
    ),
    Remedy(
        "VMExtensionProvisioningTimeout",
        "an extension did not end on the new disk",
        "look at the extension's status and log in the instance; the image may lack what it needs",
        _CREDENTIALS,
    ),
    Remedy(
        "OSProvisioningTimedOut",
        "Windows or Linux was not set up on the new disk in time",
        "boot the version in a machine of its own first: it may not be generalized, or be of another generation",
        "learn.microsoft.com/troubleshoot/azure/virtual-machines/windows/troubleshoot-deploy-vm-windows",
    ),
    Remedy(
        "AllocationFailed",
        "Azure has no capacity for the size now",
        "run again later; nothing is wrong with the image",
        "learn.microsoft.com/troubleshoot/azure/virtual-machines/windows/allocation-failure",
    ),
    Remedy(
        "OperationNotAllowed",
        "Azure does not let the upgrade begin on the scale set as it stands",
        "the message says why: the model must name latest, some instances must not be protected, a health probe or "
        "extension must be there, and no other rolling upgrade may be under way",
        "github.com/Azure/Service-Fabric-Troubleshooting-Guides",
    ),
    Remedy(
        "Conflict",
        "something else is being written to the scale set",
        "run again when it has ended; the activity log says what it is",
        "learn.microsoft.com/azure/azure-monitor/essentials/activity-log",
    ),
)
_BY_CODE = {remedy.code.lower(): remedy for remedy in REMEDIES}
UNKNOWN = "look at the instances (az vmss get-instance-view) and at the activity log of the scale set, then run again"


def remedy_of(code: str) -> Remedy | None:
    """The remedy for a code, compared without case; None for one that is not in the table."""
    return _BY_CODE.get(code.lower())


def told(problem: Problem) -> str:
    """An error with its meaning and its remedy, in one line: `<code>: <meaning>. Azure says: <message>. To do: ...`."""
    known = remedy_of(problem.code)
    message = " ".join(problem.message.split()).rstrip(".")
    parts = [f"{problem.code}: {known.means}" if known else problem.code]
    if message:
        parts.append(f"Azure says: {message}")
    # The cause is often in an instance's own code rather than in that of the whole.
    causes = dict.fromkeys(each.code for each in problem.details if remedy_of(each.code))
    todo = [known.do] if known else []
    todo += [f"{cause}: {found.do}" for cause in causes if (found := remedy_of(cause)) is not None and found != known]
    parts.append(f"To do: {'; '.join(todo) or UNKNOWN}")
    return ". ".join(parts)
