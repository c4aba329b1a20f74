"""The bake of the canary holds the whole pool, a small one too, whose hosts are all built and drained meanwhile."""

from __future__ import annotations

from pathlib import Path

from rollout.events import Kind
from simulation.virtual_time import virtually
from tests.support.pools import bench


def test_no_other_host_goes_out_before_the_canary_has_baked(tmp_path: Path) -> None:
    async def story() -> None:
        made = await bench(tmp_path, hosts=3, users=0)
        outcome = await made.roll(canary={"hosts": 1.0, "bake": "PT2H"})
        assert outcome.status == "complete", outcome.summary
        out = {e.host: e.time for e in made.events if e.kind is Kind.PHASE and e.data["phase"] == "release"}
        done = {e.host: e.time for e in made.events if e.kind is Kind.HOST_DONE}
        canary = min(out, key=lambda host: out[host])
        assert len(out) == 3
        others = [at for host, at in out.items() if host != canary]
        # It serves again some minutes before the work on it has ended.
        assert min(others) - done[canary] > 6000

    virtually(story())


def test_nobody_is_drained_for_nothing_while_the_canary_bakes_for_long(tmp_path: Path) -> None:
    async def story() -> None:
        made = await bench(tmp_path, hosts=4, users=0)
        drain = {"deadline": "PT30M", "log_off": "force"}
        outcome = await made.roll(canary={"hosts": 1.0, "bake": "PT6H"}, drain=drain)
        assert outcome.status == "complete", outcome.summary
        drained = sorted(e.time for e in made.events if e.kind is Kind.PHASE and e.data["phase"] == "drain")
        passed = next(e.time for e in made.events if e.kind is Kind.CANARY)
        assert passed - drained[0] > 6 * 3600
        assert all(passed - at <= 1800 for at in drained[1:])

    virtually(story())
