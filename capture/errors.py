"""What can go wrong in a capture, under `rollout.errors.RolloutError`; the answers of Azure are `AzureError` there."""

from __future__ import annotations

from rollout.errors import RolloutError


class CaptureFailed(RolloutError):
    """No version was made. The clone is removed, and the golden VM is as it was. The text ends with what the guest said
    of it, line by line."""


class NotUndone(RolloutError):
    """Not all that a capture has changed could be brought back. The next run goes on with that."""


class StepFailed(RolloutError):
    """A step found that this capture cannot succeed.

    Args:
        reason: one line.
        said: the guest's own lines, such as those of a script or of sysprep's log.
    """

    def __init__(self, reason: str, said: tuple[str, ...] = ()) -> None:
        super().__init__(reason)
        self.reason, self.said = reason, said
