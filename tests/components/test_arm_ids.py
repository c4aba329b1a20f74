from __future__ import annotations

import pytest

from components.arm_ids import group_name_of, name_of, resource_group_of, stable_guid, subscription_of

VAULT = "/subscriptions/1/resourceGroups/avd/providers/Microsoft.KeyVault/vaults/kv"


def test_takes_an_id_apart():
    assert resource_group_of(VAULT) == "/subscriptions/1/resourceGroups/avd"
    assert (subscription_of(VAULT), group_name_of(VAULT), name_of(VAULT)) == ("/subscriptions/1", "avd", "kv")


def test_a_group_is_in_itself():
    assert resource_group_of("/subscriptions/1/resourcegroups/AVD") == "/subscriptions/1/resourcegroups/AVD"


@pytest.mark.parametrize("text", ["", "avd", "/subscriptions/1", "/subscriptions/1/resourceGroups/"])
def test_what_is_in_no_group_is_refused(text):
    with pytest.raises(ValueError, match="is not in a resource group"):
        resource_group_of(text)


def test_a_guid_depends_on_the_parts_but_not_on_their_case():
    assert stable_guid("a", "b") == stable_guid("A", "B")
    assert stable_guid("a", "b") != stable_guid("b", "a")
    # A change of it would orphan every role that was ever made.
    assert stable_guid("a", "b") == "08345c36-0e73-5c63-8a2a-ffa00d03bf0b"
