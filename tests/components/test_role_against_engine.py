"""The role that the component declares against the actions that the engine says it uses."""

from __future__ import annotations

import pytest

from components.update_role_actions import ACTIONS, EVERYWHERE, Purpose
from rollout.prechecks import actions as engine
from rollout.prechecks.actions import Holds

PURPOSES = {
    Holds.POOL: Purpose.POOL,
    Holds.HOSTS: Purpose.HOSTS,
    Holds.BUILD: Purpose.BUILD,
    Holds.NETWORK: Purpose.NETWORK,
    Holds.GALLERY: Purpose.GALLERY,
    Holds.MANAGED_IMAGE: Purpose.GALLERY,
}

BESIDES = {
    # Autoscale is looked at by a read that the pre-check does not insist on.
    Purpose.POOL: {"Microsoft.DesktopVirtualization/scalingplans/read"},
    # The engine waits for an extension's end by reading it, through the SDK.
    Purpose.HOSTS: {"Microsoft.Compute/virtualMachines/extensions/read"},
    Purpose.BUILD: {"Microsoft.Compute/virtualMachines/instanceView/read"},
    # Only where the hosts' interfaces name a security group.
    Purpose.NETWORK: {"Microsoft.Network/networkSecurityGroups/join/action"},
    Purpose.GALLERY: set(),
}
"""What the role has beyond the engine's own list, with the reason."""


def test_everything_the_engine_uses_has_a_purpose():
    assert set(PURPOSES) == set(Holds)


@pytest.mark.parametrize("purpose", BESIDES)
def test_the_role_has_what_the_engine_uses_and_nothing_else(purpose):
    used = {action for holds, its in PURPOSES.items() if its is purpose for action in engine.ACTIONS[holds]}
    assert set(ACTIONS[purpose]) - set(EVERYWHERE) == used | BESIDES[purpose]


def test_the_role_has_the_reads_of_the_pre_checks():
    assert engine.LOCKS_READ in EVERYWHERE
    assert {engine.SKUS_READ, engine.USAGES_READ} <= set(ACTIONS[Purpose.CATALOG])
