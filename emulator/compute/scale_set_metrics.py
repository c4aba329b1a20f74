"""Custom metrics of the application, by which it takes part in rolling upgrades: to be left out, or its place in order.

The answer to the health extension (2.0) carries them as a string of JSON, `{"rollingUpgrade": {"SkipUpgrade": true,
"PhaseOrderingNumber": 0}}`; an upgrade reads them when it begins (learn.microsoft.com/azure/virtual-machine-scale-sets/
virtual-machine-scale-sets-rolling-upgrade-custom-metrics, a preview).
"""

from __future__ import annotations

import json
from typing import Any

from emulator.compute.scale_set_batches import LAST_PHASE
from emulator.wire import ArmError, Body
from emulator.world import Resource


def say(instance: Resource, metrics: Any) -> None:
    """The application answers with these metrics from now on; None: without any. Raises 400 InvalidParameter."""
    if metrics is None:
        instance.hidden.pop("custom_metrics", None)
        return
    rolling = metrics.get("rollingUpgrade") if isinstance(metrics, dict) else None
    if not isinstance(rolling, dict) or not set(rolling) <= {"SkipUpgrade", "PhaseOrderingNumber"}:
        shape = '{"rollingUpgrade": {"SkipUpgrade": false, "PhaseOrderingNumber": 0}}'
        raise ArmError(400, "InvalidParameter", f"customMetrics is {shape}, or null.")
    instance.hidden["custom_metrics"] = metrics


def skips(instance: Resource) -> bool:
    """Whether the application asks to be left out."""
    return bool(_rolling(instance).get("SkipUpgrade"))


def phase(instance: Resource) -> int:
    """The place in order that the application asks for."""
    number = _rolling(instance).get("PhaseOrderingNumber")
    return LAST_PHASE if number is None else int(number)


def substatus(instance: Resource) -> list[Body]:
    """What the health extension's view shows of the metrics."""
    metrics = instance.hidden.get("custom_metrics")
    if metrics is None:
        return []
    return [
        {
            "code": "ComponentStatus/CustomMetrics/succeeded",
            "level": "Info",
            "displayStatus": "Provisioning succeeded",
            "message": json.dumps(metrics, separators=(",", ":")),
        }
    ]


def _rolling(instance: Resource) -> Body:
    found: Body = (instance.hidden.get("custom_metrics") or {}).get("rollingUpgrade") or {}
    return found
