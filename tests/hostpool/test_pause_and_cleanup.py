"""`hostpool pause`, `resume` and `cleanup`: what they write, under which guard, and what they say."""

from __future__ import annotations

import pytest
from click.testing import CliRunner, Result

from hostpool.main import main
from rollout import names
from rollout.lease import Holder, decode
from rollout.pool_record import RolloutRecord, State
from simulation.virtual_time import EPOCH
from tests.hostpool.literal_azure import LiteralAzure, in_the_middle
from tests.hostpool.night import ROLLOUT

DAY = 86400.0


def hostpool(azure: LiteralAzure, *arguments: str, answer: str = "") -> Result:
    return CliRunner().invoke(main, arguments, obj=azure.world(), input=answer)


def at_rest() -> LiteralAzure:
    azure = in_the_middle()
    azure.tags[names.LEASE] = Holder("nobody", 7, EPOCH - 10).encode()
    azure.tags[names.RECORD] = RolloutRecord(ROLLOUT, 1, State.COMPLETE, 0).encode()
    return azure


def deleted(azure: LiteralAzure) -> list[str]:
    return [value.rsplit("/", 1)[-1] for kind, value in azure.written if kind == "delete disk"]


def test_pausing_sets_the_tag_with_who_and_when_and_says_what_comes() -> None:
    azure = in_the_middle()
    result = hostpool(azure, "pause")
    assert azure.written == [("merge", {names.PAUSE: "ada@desk-7 at 2026-01-12T20:00:00Z"})]
    assert result.exit_code == 0 and "runner-17 finishes the hosts in work" in result.stdout


@pytest.mark.parametrize(
    ("state", "said"),
    [(State.RUNNING, "the next pulumi up finishes half-done hosts"), (State.COMPLETE, "no rollout is under way")],
)
def test_pausing_without_an_engine_says_what_the_next_up_does(state: State, said: str) -> None:
    azure = at_rest()
    azure.tags[names.RECORD] = RolloutRecord(ROLLOUT, 1, state, 0).encode()
    assert said in hostpool(azure, "pause").stdout


def test_pausing_twice_keeps_the_first_one() -> None:
    azure = in_the_middle()
    azure.tags[names.PAUSE] = "bob at noon"
    assert "paused already (bob at noon)" in hostpool(azure, "pause").stdout
    assert azure.written == []


def test_resuming_removes_the_tag() -> None:
    azure = at_rest()
    azure.tags |= {names.PAUSE: "bob at noon", names.RECORD: RolloutRecord(ROLLOUT, 1, State.PAUSED, 0).encode()}
    result = hostpool(azure, "resume")
    assert names.PAUSE not in azure.tags
    assert azure.written == [("delete tags", {names.PAUSE: "bob at noon"})]
    assert "it goes on where it stopped with the next pulumi up or hostpool tick" in result.stdout


def test_resuming_what_is_not_paused_writes_nothing() -> None:
    azure = in_the_middle()
    assert "nothing to resume" in hostpool(azure, "resume").stdout
    assert azure.written == []


def test_cleanup_deletes_only_disks_past_their_date_under_the_lease_and_gives_it_back() -> None:
    azure = at_rest()
    azure.keep_disk("vm-0", until=EPOCH - DAY)
    azure.keep_disk("vm-6", until=EPOCH + DAY)
    result = hostpool(azure, "cleanup")
    assert deleted(azure) == ["vm-0_old"]
    assert (
        "vm-0_old  of vm-0, kept until Sun 2026-01-11 20:00 UTC" in result.stdout and "1 disk deleted" in result.stdout
    )
    held = [decode(value[names.LEASE]) for kind, value in azure.written if kind == "merge"]
    assert [holder.owner for holder in held if holder] == ["hostpool cleanup, ada@desk-7", "nobody"]


def test_cleanup_of_all_kept_disks_asks_first() -> None:
    azure = at_rest()
    azure.keep_disk("vm-6", until=EPOCH + DAY)
    refused = hostpool(azure, "cleanup", "--all-kept", answer="n\n")
    assert refused.exit_code == 1 and azure.written == []
    assert hostpool(azure, "cleanup", "--all-kept", answer="y\n").exit_code == 0
    assert deleted(azure) == ["vm-6_old"]


def test_a_dry_run_only_lists() -> None:
    azure = at_rest()
    azure.keep_disk("vm-0", until=EPOCH - DAY)
    assert "1 disk would be deleted" in hostpool(azure, "cleanup", "--dry-run").stdout
    assert azure.written == []


def test_cleanup_leaves_a_pool_alone_that_another_works_on() -> None:
    azure = in_the_middle()
    azure.keep_disk("vm-0", until=EPOCH - DAY)
    ends = [EPOCH + 500.0]

    async def renewing(scope: str) -> dict[str, str]:
        ends.append(ends[-1] + 60)
        azure.tags[names.LEASE] = Holder("runner-17", 7, ends[-1]).encode()
        return dict(azure.tags)

    azure.get_tags = renewing  # type: ignore[method-assign]
    result = hostpool(azure, "cleanup")
    assert result.exit_code == 1 and azure.written == []
    assert "is being updated by runner-17" in result.stderr
