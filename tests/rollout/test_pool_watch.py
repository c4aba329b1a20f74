"""What the pool's list says of hosts that are out of service."""

from __future__ import annotations

from typing import Any

import pytest

from rollout.pool_watch import PoolWatch
from rollout.record import HostRecord, Phase
from simulation.virtual_time import LoopClock, virtually
from tests.support.fake_azure import FakeAzure
from tests.support.observed import declaration, host, pool, session_host_body, vm_body


@pytest.mark.parametrize(
    ("phase", "in_pool", "power", "session_host", "broken"),
    [
        (None, True, "running", {}, False),
        (None, True, "running", {"status": "Unavailable"}, True),
        (None, True, "deallocated", {"status": "Unavailable"}, False),  # switched off, by autoscale say
        (None, True, "running", {"status": "Unavailable", "allowNewSession": False}, False),
        (None, False, "running", {}, True),
        (Phase.REJOIN, False, "running", {}, False),  # out of service by the engine, and counted as that
        (Phase.FAILED, False, "deallocated", {}, True),
        (Phase.FAILED, True, "running", {"allowNewSession": False}, True),
    ],
)
def test_i1_capacity_hosts_found_broken_hold_a_slot(
    phase: Phase | None, in_pool: bool, power: str, session_host: dict[str, Any], broken: bool
) -> None:
    async def story() -> None:
        found = HostRecord("r", 1, 1, phase, 0) if phase is not None else None
        observed = host("vm-0", in_pool=in_pool, found=found)
        statuses = [{"code": "ProvisioningState/succeeded"}, {"code": f"PowerState/{power}"}]
        azure = FakeAzure(
            host_pool={},
            session_hosts=[session_host_body("vm-0", **session_host)] if in_pool else [],
            vms=[vm_body("vm-0", properties={"instanceView": {"statuses": statuses}})],
        )
        watch = PoolWatch(azure.as_azure(), declaration(), pool([observed]), LoopClock())
        await watch.refresh(())
        assert watch.broken(observed) is broken

    virtually(story())
