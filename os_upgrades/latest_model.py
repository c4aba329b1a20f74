"""Brings instances to the scale set's latest model, as mode Manual leaves it to its user: batch by batch, and no
further than health allows.

Source: learn.microsoft.com/azure/virtual-machine-scale-sets/virtual-machine-scale-sets-perform-manual-upgrades.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from os_upgrades.azure import ScaleSetAzure
from os_upgrades.patience import POLL, patiently
from os_upgrades.rolling_rules import batch_size, percent
from os_upgrades.scale_set import Instance, ScaleSet
from rollout.clock import Clock
from rollout.errors import RolloutError, Stopped

HEALTH_WAIT = 600.0
"""Seconds that a batch has to become healthy. Twice what Azure's own upgrades give it: extensions may be new here."""
BUSY = ("Creating", "Updating")


class InstancesFailed(RolloutError):
    """Instances did not come to the latest model, or not back to health. The rest was left alone."""


@dataclass(frozen=True)
class Brought:
    """How it ended."""

    updated: tuple[str, ...]
    total: int


async def bring_to_latest(
    azure: ScaleSetAzure, scale_set: ScaleSet, clock: Clock, *, tell: Callable[[str], None], stop: asyncio.Event
) -> Brought:
    """Bring all instances that are behind to the latest model. Raises InstancesFailed, and Stopped after the batch
    during which `stop` is set.

    A run that was killed is carried on by the next: those that have the model are not touched again.
    """
    updated: list[str] = []
    while True:
        instances = await _instances(azure, scale_set)
        busy = [each.instance_id for each in instances if each.provisioning_state in BUSY]
        if busy:  # a run that was killed has begun it
            await _healthy_again(azure, scale_set, clock, busy)
            continue
        behind = [each for each in instances if each.latest_model is False]
        if not behind:
            return Brought(tuple(updated), len(instances))
        if stop.is_set():
            raise Stopped(f"told to stop; {len(behind)} of {len(instances)} instances do not have the latest model yet")
        _check_health(scale_set, instances)
        batch = [each.instance_id for each in behind[: batch_size(scale_set)]]
        stuck = [each for each in batch if each in updated]
        if stuck:
            raise InstancesFailed(
                f"instances {', '.join(stuck)} do not take the latest model, though Azure says it was applied; look at "
                "them (az vmss get-instance-view), then run again"
            )
        tell(f"bringing {', '.join(batch)} to the latest model ({len(instances) - len(behind)} of {len(instances)})")
        await patiently(clock, partial(azure.update_scale_set_instances, scale_set.id, batch))
        updated += batch
        await _healthy_again(azure, scale_set, clock, batch)


async def _instances(azure: ScaleSetAzure, scale_set: ScaleSet) -> list[Instance]:
    return [Instance(body) for body in await azure.list_scale_set_instances(scale_set.id, instance_view=True)]


def _check_health(scale_set: ScaleSet, instances: Sequence[Instance]) -> None:
    """No batch begins while more than the declared share is unhealthy, as with Azure's own upgrades."""
    ill = [each.instance_id for each in instances if each.health == "unhealthy"]
    limit = percent(scale_set, "maxUnhealthyInstancePercent")
    if len(ill) * 100 > limit * len(instances):
        share = math.ceil(len(ill) * 100 / len(instances))
        raise InstancesFailed(
            f"{share} % of the instances are unhealthy ({', '.join(ill)}), more than max_unhealthy_instance_percent, "
            f"{limit}; mend them, or raise it, then run again"
        )


async def _healthy_again(azure: ScaleSetAzure, scale_set: ScaleSet, clock: Clock, batch: Sequence[str]) -> None:
    """Wait until a batch is provisioned, and healthy where its health is known."""
    known = scale_set.health_extension is not None or bool(scale_set.health_probe_id)
    until = clock.now() + HEALTH_WAIT
    while True:
        now = [each for each in await _instances(azure, scale_set) if each.instance_id in batch]
        failed = [each.instance_id for each in now if each.provisioning_state == "Failed"]
        waiting = [each.instance_id for each in now if not _good(each, known)]
        if failed or (waiting and clock.now() >= until):
            which = failed or waiting
            why = "failed to be provisioned" if failed else f"did not become healthy in {HEALTH_WAIT / 60:.0f} min"
            raise InstancesFailed(
                f"instances {', '.join(which)} {why} on the latest model; the others were left alone. Look at them "
                "(az vmss get-instance-view), correct the scale set, then run again"
            )
        if not waiting:
            return
        await clock.sleep(POLL)


def _good(instance: Instance, known: bool) -> bool:
    return instance.provisioning_state in ("Succeeded", "") and (not known or instance.health == "healthy")
