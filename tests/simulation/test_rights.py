"""Least privilege: the role is what is used, and each right of it is predicted and missed.

All scenarios are played, and every third right is taken away; `make rights` takes each.
"""

from __future__ import annotations

import pytest

from simulation.rights.grants import Right
from simulation.rights.scenarios import SCENARIOS
from simulation.rights.verdict import GRAPH, Laboratory, Used, all_rights, scenario_of
from simulation.virtual_time import virtually
from tools.rights import declared

GRANTS = declared()
RIGHTS = tuple(all_rights(GRANTS))
SPECULATIVE = {("pool", "Microsoft.Compute/virtualMachines/read"), ("pool", "Microsoft.Compute/disks/read")}
"""The pool's own group is listed before it is known whether hosts are in it; a refusal means nothing there."""


@pytest.fixture(scope="module")
def laboratory(tmp_path_factory: pytest.TempPathFactory) -> Laboratory:
    return Laboratory(GRANTS, tmp_path_factory.mktemp("rights"))


@pytest.fixture(scope="module")
def seen(laboratory: Laboratory) -> dict[str, Used]:
    """Every scenario with all rights."""
    return {name: virtually(laboratory.used(name)) for name in SCENARIOS}


def test_the_rights_of_the_role_are_those_that_are_used(seen: dict[str, Used]) -> None:
    used = {right for each in seen.values() for right in each.rights}
    assert used == set(RIGHTS) - {GRAPH}


def test_with_all_rights_nothing_is_refused(seen: dict[str, Used]) -> None:
    for name, each in seen.items():
        assert each.refused <= SPECULATIVE, name
        ended = "stopped" if name in ("rollback", "entra") else "complete"
        assert each.ended.startswith(ended), (name, each.ended)


def test_every_scenario_that_shows_a_right_uses_it(seen: dict[str, Used]) -> None:
    assert [right for right in RIGHTS if right != GRAPH and right not in seen[scenario_of(right)].rights] == []


@pytest.mark.parametrize("right", [*RIGHTS[1:-2:3], *RIGHTS[-2:]], ids=" ".join)
def test_a_right_that_is_missing_is_predicted_and_stops_the_scenario(
    right: Right, laboratory: Laboratory, seen: dict[str, Used]
) -> None:
    verdict = virtually(laboratory.without(right, seen[scenario_of(right)].ended))
    assert verdict.foretold, verdict
    assert verdict.shown, verdict
