"""What instances are told before something happens to them: scheduled events in the guest, and lifecycle hooks, by
which somebody outside approves each instance.

Sources: learn.microsoft.com/azure/virtual-machine-scale-sets/virtual-machine-scale-sets-terminate-notification, the
REST descriptions of scheduledEventsProfile and lifecycleHooksProfile (api-version 2025-11-01 and newer), and
learn.microsoft.com/powershell/module/az.compute/new-azvmsslifecyclehookconfig.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from os_upgrades import sources
from os_upgrades.values import duration_between, flag, iso, members, refuse, without_none
from rollout.azure import Body
from rollout.errors import InvalidDeclaration
from rollout.values import choice, duration

QUARTER = "PT15M"


@dataclass(frozen=True)
class Notification:
    """A scheduled event, and for how long the guest may put it off."""

    enable: bool
    not_before_timeout: float
    """Seconds."""

    def body(self) -> Body:
        return {"enable": self.enable, "notBeforeTimeout": iso(self.not_before_timeout)}


def os_image_notification(given: Any, prop: str = "os_image_notification") -> Notification:
    """Before an OS upgrade or reimage; Azure takes 15 minutes and nothing else. Raises InvalidDeclaration."""
    return _notification(prop, given, QUARTER, QUARTER, QUARTER, sources.COMPUTE_API)


def terminate_notification(given: Any, prop: str = "terminate_notification") -> Notification:
    """Before an instance is deleted, which a rolling upgrade does with max_surge only. Raises InvalidDeclaration."""
    return _notification(prop, given, "PT5M", "PT5M", QUARTER, sources.TERMINATE_NOTIFICATION)


def _notification(prop: str, given: Any, default: str, least: str, most: str, source: str) -> Notification:
    found = members(prop, given, ("enable", "not_before_timeout"))
    timeout = found.get("not_before_timeout", default)
    enable = flag(f"{prop}.enable", found.get("enable"))
    if enable is None:
        raise InvalidDeclaration(f"{prop}.enable", None, "is missing", "write true or false")
    return Notification(enable, duration_between(f"{prop}.not_before_timeout", timeout, least, most, source))


class HookType(StrEnum):
    SCHEDULING = "UpgradeAutoOSScheduling"
    """Before an automatic OS upgrade of the scale set is scheduled."""
    BATCH_STARTING = "UpgradeAutoOSRollingBatchStarting"
    """Before each batch of it."""


class HookAction(StrEnum):
    APPROVE = "Approve"
    REJECT = "Reject"


@dataclass(frozen=True)
class LifecycleHook:
    """A point at which an automatic OS upgrade waits for an answer."""

    type: HookType
    wait_duration: float | None = None
    """Seconds that Azure waits; None for Azure's own default."""
    default_action: HookAction | None = None
    """What happens without an answer; None for Azure's own default."""

    def body(self) -> Body:
        return without_none(
            {
                "type": str(self.type),
                "waitDuration": iso(self.wait_duration) if self.wait_duration is not None else None,
                "defaultAction": str(self.default_action) if self.default_action is not None else None,
            }
        )


def lifecycle_hooks(given: Any, prop: str = "lifecycle_hooks") -> tuple[LifecycleHook, ...]:
    """The hooks of plain inputs, one of each type. Raises InvalidDeclaration."""
    if not isinstance(given, list | tuple):
        raise InvalidDeclaration(prop, given, "is no list", "write a list of hooks, each with type and wait_duration")
    found = tuple(_hook(f"{prop}[{i}]", each) for i, each in enumerate(given))
    _check_once(prop, found)
    return found


def _hook(prop: str, given: Any) -> LifecycleHook:
    found = members(prop, given, ("type", "wait_duration", "default_action"))
    if "type" not in found:
        raise InvalidDeclaration(f"{prop}.type", None, "is missing", f"use one of {', '.join(HookType)}")
    wait = duration(f"{prop}.wait_duration", found["wait_duration"]) if "wait_duration" in found else None
    if wait is not None and wait <= 0:
        raise InvalidDeclaration(
            f"{prop}.wait_duration", found["wait_duration"], "is no time", "write one such as PT30M"
        )
    action = found.get("default_action")
    return LifecycleHook(
        choice(f"{prop}.type", found["type"], HookType),
        wait,
        choice(f"{prop}.default_action", action, HookAction) if action is not None else None,
    )


def _check_once(prop: str, hooks: Iterable[LifecycleHook]) -> None:
    seen: set[HookType] = set()
    for i, hook in enumerate(hooks):
        if hook.type in seen:
            raise refuse(
                f"{prop}[{i}].type", str(hook.type), "is declared twice", sources.COMPUTE_API, "declare each type once"
            )
        seen.add(hook.type)
