"""What can go wrong, as one tree.

RolloutError
  InvalidDeclaration     a declared property cannot be used: names property, value and remedy
  PreCheckFailed         the pool, the image or the rights do not allow the rollout; nothing was changed
  LeaseHeld              another rollout works on the pool
  LeaseLost              our lease ended or was taken: nothing more may be written
  Stopped                the engine was told to stop at the next safe point
  HostFailed             one host could not be brought to the image; carries the reason for its restore
    AllocationFailed     Azure has no capacity to start the VM: no image fault, so no restore
    ImageFault           the new disk never booted, joined, registered or became healthy
AzureError               an answer of Azure that is not a success
  NotFound               404
  Conflict               409
  PreconditionFailed     412: the resource changed since it was read; look again
  Forbidden              401, 403: names the missing action
  Unreachable            no answer after all retries
  OperationFailed        a long-running operation ended Failed or Canceled
"""

from __future__ import annotations

SHOWN = 200
"""Characters of a value that a message shows."""


def shown(value: object) -> str:
    """A value as it was written, for a message: `'PT5M'`, `3`, `true`."""
    if isinstance(value, bool):
        return str(value).lower()  # as YAML has it
    if isinstance(value, float) and value.is_integer():
        return f"{value:.0f}"  # Pulumi sends every number as a float
    text = repr(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."


class RolloutError(Exception):
    """Base of the expected failures of a rollout. Its text is one line that a user can act on."""


class InvalidDeclaration(RolloutError):
    """A declared property cannot be used.

    Args:
        prop: the property's path as the user wrote it, such as `drain.deadline` or `drain.reminders[0].text`.
        value: the value as declared, unless it may be a secret.
        remedy: what to write instead.
    """

    def __init__(self, prop: str, value: object, problem: str, remedy: str) -> None:
        super().__init__(f"{prop}: {shown(value)} {problem}; {remedy}")
        self.prop, self.value, self.problem, self.remedy = prop, value, problem, remedy


class PreCheckFailed(RolloutError):
    """The rollout cannot start; the text lists each finding with its remedy. Nothing was changed."""


class LeaseHeld(RolloutError):
    """Another rollout holds the pool's lease and renews it."""


class AlreadyEnded(RolloutError):
    """The attempt that was to be aborted has ended meanwhile."""


class LeaseLost(RolloutError):
    """The pool's lease is not ours any more (or too close to its end): no write may be sent."""


class Stopped(RolloutError):
    """The engine was told to stop (the CLI is gone, or the process is asked to end)."""


class HostFailed(RolloutError):
    """One host could not be brought to the image."""


class AllocationFailed(HostFailed):
    """Azure has no capacity to start the VM now. The image is not at fault, so the old disk is not put back."""


class ImageFault(HostFailed):
    """The new disk did not boot, join, register or become healthy in time."""


class AzureError(Exception):
    """An answer of Azure that is not a success.

    Args:
        status: HTTP status, 0 when there was no answer.
        code: ARM's error code, such as `OperationNotAllowed`.
        message: ARM's message.
        operation: what was asked, such as `PATCH virtualMachines/vm-0`.
    """

    def __init__(self, status: int, code: str, message: str, operation: str = "") -> None:
        super().__init__(f"{operation}: {status} {code}: {message}" if operation else f"{status} {code}: {message}")
        self.status, self.code, self.message, self.operation = status, code, message, operation


class NotFound(AzureError):
    """404: the resource, or its group, does not exist."""


class Conflict(AzureError):
    """409: in use, locked, or not allowed in the resource's state."""


class PreconditionFailed(AzureError):
    """412: the etag does not match. It may be our own lost answer: look again."""


class Forbidden(AzureError):
    """401 or 403: wrong credentials, or the role lacks an action."""


class Unreachable(AzureError):
    """No answer after all retries."""


class OperationFailed(AzureError):
    """A long-running operation ended Failed or Canceled; `code` is the operation's error code."""
