"""`hostpool approve`: what it writes, and what it refuses."""

from __future__ import annotations

from dataclasses import replace

import pytest
from click.testing import CliRunner, Result

from hostpool.main import main
from rollout import names, pool_record
from rollout.decisions import decision
from rollout.pool_record import RolloutRecord, State
from rollout.promotion import Approval, approvals_of
from tests.hostpool.literal_azure import INPUTS, LiteralAzure, in_the_middle
from tests.hostpool.night import ROLLOUT

BAKED = RolloutRecord(ROLLOUT, 3, State.PAUSED, 0, n=8, b=1)


def hostpool(azure: LiteralAzure, *arguments: str) -> Result:
    return CliRunner().invoke(main, arguments, obj=azure.world())


def baked(record: RolloutRecord = BAKED) -> LiteralAzure:
    azure = in_the_middle()
    del azure.tags[names.LEASE]
    azure.tags[names.RECORD] = record.encode()
    return azure


def test_it_says_who_approved_which_attempt_when_and_with_which_ticket() -> None:
    azure = baked()
    result = hostpool(azure, "approve", "--ticket", "CHG0012345")
    said = "attempt 3 approved by ada@desk-7 (CHG0012345); it goes on with the next pulumi up"
    assert result.exit_code == 0 and said in result.stdout
    [(kind, tags)] = azure.written
    assert kind == "merge" and list(tags) == [names.APPROVAL]
    given = decision(tags, names.APPROVAL, BAKED)
    assert given is not None and (given.by, given.ticket, given.at) == ("ada@desk-7", "CHG0012345", 1768248000)


def test_approving_twice_keeps_the_first_one() -> None:
    azure = baked()
    hostpool(azure, "approve")
    assert "approved already by ada@desk-7" in hostpool(azure, "approve", "--ticket", "CHG2").stdout
    assert len(azure.written) == 1


@pytest.mark.parametrize(
    ("record", "said"),
    [
        (replace(BAKED, st=State.COMPLETE), "no rollout of pool hp-finance is under way"),
        (replace(BAKED, c=1), "the canary of attempt 3 has passed already"),
        (replace(BAKED, b=0), "has not baked yet"),
    ],
)
def test_what_is_not_there_to_approve_is_refused(record: RolloutRecord, said: str) -> None:
    azure = baked(record)
    result = hostpool(azure, "approve")
    assert result.exit_code == 1 and said in result.stderr and azure.written == []


def test_a_ticket_that_is_none_is_refused() -> None:
    azure = baked()
    result = hostpool(azure, "approve", "--ticket", "see mail; ask bob")
    assert result.exit_code == 2 and "as CHG0012345" in result.stderr and azure.written == []


def test_status_says_what_is_waited_for() -> None:
    azure = baked()
    azure.tags |= pool_record.declaration_tags({**INPUTS, "canary": {"approval": True}})
    assert "paused by the canary, which waits for hostpool approve" in hostpool(azure, "status").stdout
    hostpool(azure, "approve")
    assert "waits for" not in hostpool(azure, "status").stdout.splitlines()[0]


# -- promotions


def test_a_promotion_is_approved_by_each_person_with_a_tag_of_their_own() -> None:
    azure = in_the_middle()
    result = hostpool(azure, "approve", "--promotion", "1.4.2", "--ticket", "CHG0012345")
    assert result.exit_code == 0 and "hp-finance: 1.4.2 is approved by ada@desk-7; the next" in result.stdout
    [(kind, tags)] = azure.written
    assert kind == "merge"
    assert approvals_of(tags, "1.4.2") == (Approval("1.4.2", "ada@desk-7", 1768248000, "CHG0012345"),)
    assert approvals_of(tags, "1.4.3") == ()
    hostpool(azure, "approve", "--promotion", "1.4.2")
    assert len(azure.written) == 1, "approving twice keeps the first one"
    hostpool(azure, "approve", "--promotion", "1.4.3")
    assert approvals_of(azure.tags, "1.4.2") == () and len(approvals_of(azure.tags, "1.4.3")) == 1


def test_a_version_that_is_none_is_not_approved() -> None:
    azure = in_the_middle()
    result = hostpool(azure, "approve", "--promotion", "1.4;2")
    assert result.exit_code == 2 and "such as 1.4.2" in result.stderr and azure.written == []
