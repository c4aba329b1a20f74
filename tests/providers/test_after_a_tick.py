"""What Pulumi makes of a pool whose scheduled rollout was run by `hostpool tick`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from providers import properties
from providers.host_pool_image_update import HostPoolImageUpdateProvider
from providers.preview import Look, look_at
from providers.rolling import outputs_of
from rollout import rescheduling
from rollout.clock import from_iso
from rollout.declaration import parse
from rollout.image_sources import resolve
from rollout.observation import observe
from simulation.emulated_pool import INPUTS
from simulation.in_process import in_process_cloud
from simulation.virtual_time import virtually
from tests.rollout.test_scheduling import change
from tests.support.pools import Bench, bench

NIGHTS = {"recur_every": "Day", "start": "22:00", "duration": "PT6H", "time_zone": "UTC"}
DECLARED = {**INPUTS, "window": NIGHTS}


async def seen(made: Bench, inputs: dict[str, Any]) -> Look:
    declaration = parse(inputs)
    async with in_process_cloud(made.emulator, made.clock) as azure:
        pool = await observe(azure, declaration, at=azure.azure_time())
        return look_at(pool, await resolve(azure, declaration, pool.location), declaration)


def asks_for_an_update(olds: dict[str, Any], look: Look) -> bool | None:
    news = properties.with_look(olds, DECLARED, look)
    return HostPoolImageUpdateProvider().diff("id", olds, news).changes


def test_the_next_up_finds_nothing_to_do_and_a_refresh_knows_it_before(tmp_path: Path) -> None:
    async def story() -> None:
        made = await bench(tmp_path, hosts=1, users=0)
        scheduled = properties.outputs(DECLARED, outputs_of(await made.roll(window=NIGHTS)))
        assert scheduled["status"] == "scheduled" and asks_for_an_update(scheduled, await seen(made, DECLARED))
        assert properties.with_observed(scheduled, await seen(made, DECLARED))["status"] == "scheduled"
        await made.clock.sleep(from_iso("2026-01-12T22:00:01Z") - made.clock.now())
        assert (await made.tick()).trouble == []
        look = await seen(made, DECLARED)
        # The state still says scheduled, so that `up` asks for an update once: it finds nothing, and notes that.
        assert look.plan == {} and asks_for_an_update(scheduled, look)
        before = len(made.wire.exchanges)
        done = properties.outputs(DECLARED, outputs_of(await made.roll(window=NIGHTS)))
        assert done["status"] == "complete" and not [each for each in made.wire.exchanges[before:] if each.write]
        assert not asks_for_an_update(done, look)
        # `up --refresh` reads first, and then asks for none at all.
        refreshed = properties.with_observed(scheduled, look)
        assert (refreshed["status"], refreshed["goes_on"]) == ("complete", "")
        assert refreshed["summary"] == "complete, 1 of 1 hosts run 1.0.1"
        assert not asks_for_an_update(refreshed, look)

    virtually(story())


def test_a_preview_tells_when_a_moved_rollout_begins(tmp_path: Path) -> None:
    async def story() -> None:
        made = await bench(tmp_path, hosts=1, users=0)
        await made.roll(window=NIGHTS)
        assert "begins Mon 2026-01-12 22:00 UTC" in (await seen(made, DECLARED)).state
        await change(made, "skipped", rescheduling.skip("ada@desk-7"))
        assert "begins Tue 2026-01-13 22:00 UTC" in (await seen(made, DECLARED)).state

    virtually(story())
