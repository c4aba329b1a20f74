"""The role that the component declares against the actions that the engine says it uses."""

from __future__ import annotations

import pytest

from components.update_role_actions import ACTIONS, Purpose
from rollout.prechecks import actions as engine
from rollout.prechecks.actions import Holds

PURPOSES = {
    Holds.POOL: Purpose.POOL,
    Holds.HOSTS: Purpose.HOSTS,
    Holds.BUILD: Purpose.BUILD,
    Holds.DISKS: Purpose.HOSTS,
    Holds.SUBNET: Purpose.NETWORK,
    Holds.SECURITY_GROUP: Purpose.NETWORK,
    Holds.GALLERY: Purpose.GALLERY,
    Holds.MANAGED_IMAGE: Purpose.GALLERY,
    Holds.CATALOG: Purpose.CATALOG,
}


def test_everything_the_engine_uses_has_a_purpose():
    assert set(PURPOSES) == set(Holds) == set(engine.ACTIONS) == set(engine.OWN_READS)


@pytest.mark.parametrize("purpose", Purpose)
def test_the_role_has_what_the_engine_uses_and_its_pre_checks_read_and_nothing_else(purpose):
    holding = [holds for holds, its in PURPOSES.items() if its is purpose]
    used = {action for holds in holding for action in (*engine.ACTIONS[holds], *engine.OWN_READS[holds])}
    assert set(ACTIONS[purpose]) == used
