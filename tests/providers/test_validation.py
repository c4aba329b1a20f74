"""Bad inputs are named with property, value and remedy; unknown values are left alone."""

from __future__ import annotations

from typing import Any

import pytest
from pulumi.output import UNKNOWN

from providers.validation import validate
from rollout.values import Amount
from tests.providers.declarations import POOL, VAULT, inputs


def reasons(**changes: Any) -> dict[str, str]:
    return {problem.prop: problem.reason for problem in validate(inputs(**changes)).problems}


def test_the_least_declaration_is_valid() -> None:
    checked = validate(inputs())
    assert checked.problems == ()
    assert checked.declaration is not None
    assert checked.declaration.host_pool_id == POOL


def test_numbers_may_be_floats_as_pulumi_sends_them() -> None:
    checked = validate(
        inputs(max_unavailable=3.0, canary={"hosts": 2.0, "bake": 600.0}, sessions_per_host=8.0, verify={"polls": 3.0})
    )
    assert checked.problems == ()
    assert checked.declaration is not None
    assert checked.declaration.max_unavailable == Amount(3, False)
    assert checked.declaration.canary.hosts == 2


@pytest.mark.parametrize(
    ("changes", "prop", "value", "remedy"),
    [
        ({"max_unavailble": 3.0}, "max_unavailble", "3.0", "did you mean max_unavailable?"),
        ({"zzz": 1.0}, "zzz", "1.0", "known are host_pool_id, image"),
        ({"drain": {"log_of": "wait"}}, "drain.log_of", "'wait'", "did you mean log_off?"),
        ({"max_unavailable": True}, "max_unavailable", "true", "write 3 or '10%'"),
        ({"max_unavailable": 0.0}, "max_unavailable", "0", "1 or more"),
        ({"max_unavailable": 1.5}, "max_unavailable", "1.5", "whole number"),
        ({"max_unavailable": "150%"}, "max_unavailable", "'150%'", "from 1% to 100%"),
        ({"min_serving": "many"}, "min_serving", "'many'", 'or "10%"'),
        ({"headroom": 3.0}, "headroom", "3.0", "from 0 to 1"),
        ({"build": "later"}, "build", "'later'", "use one of ahead, after_deallocate"),
        ({"drain": {"deadline": "soon"}}, "drain.deadline", "'soon'", "such as PT10M"),
        ({"drain": {"log_off": "never"}}, "drain.log_off", "'never'", "use one of wait, disconnected_only, force"),
        ({"drain": "PT5M"}, "drain", "'PT5M'", "write an object with deadline, log_off"),
        ({"checkpoints": [{"percent": 25.0}]}, "checkpoints[0].pause", "None", "such as 'PT30M'"),
        (
            {"checkpoints": [{"percent": 25.0, "pauze": "PT1M", "pause": "PT1M"}]},
            "checkpoints[0].pauze",
            "'PT1M'",
            "pause?",
        ),
        ({"include": [3.0]}, "include[0]", "3", "write a text"),
        ({"include": ["vm-1"], "exclude": ["vm-1"]}, "exclude", "'vm-1'", "one of the two lists"),
        ({"host_pool_id": "hp1"}, "host_pool_id", "'hp1'", "/subscriptions/<id>/resourceGroups"),
        ({"image": ""}, "image", "''", "or 'MicrosoftWindowsDesktop:"),
        ({"local_admin": None}, "local_admin", "None", "username_secret and password_secret"),
        ({"local_admin": {"username_secret": f"{VAULT}/n"}}, "local_admin.password_secret", "None", "/secrets/"),
        (
            {"local_admin": {"username_secret": "admin", "password_secret": f"{VAULT}/p"}},
            "local_admin.username_secret",
            "'admin'",
            "https://<vault>.vault.azure.net/secrets/<name>",
        ),
        ({"join": {"type": "ad"}}, "join.domain", "None", "needs domain, user and password_secret"),
        ({"stop": "power_off", "vm_size": "Standard_D4s_v5"}, "stop", "'power_off'", "stop: deallocate"),
        ({"fail_when_incomplete": "yes"}, "fail_when_incomplete", "'yes'", "write false"),
    ],
)
def test_bad_inputs_name_property_value_and_remedy(changes: dict[str, Any], prop: str, value: str, remedy: str) -> None:
    found = reasons(**changes)
    assert list(found) == [prop]
    assert found[prop].startswith(f"{prop}: ")
    assert value in found[prop]
    assert remedy in found[prop]


def test_all_mistakes_of_the_schema_are_told_at_once() -> None:
    assert set(reasons(build="later", drain={"log_of": "wait"}, local_admin=None)) == {
        "build",
        "drain.log_of",
        "local_admin",
    }


def test_unknown_values_are_left_alone_and_named() -> None:
    checked = validate(inputs(image=UNKNOWN, version=UNKNOWN, local_admin={"username_secret": UNKNOWN}))
    # password_secret is missing in earnest, username_secret is only not known yet.
    assert [problem.prop for problem in checked.problems] == ["local_admin.password_secret"]
    assert checked.unknown == {"image", "version", "local_admin"}


def test_the_known_inputs_are_checked_beside_unknown_ones() -> None:
    assert validate(inputs(host_pool_id=UNKNOWN, image=UNKNOWN)).problems == ()
    checked = validate(inputs(host_pool_id=UNKNOWN, drain={"deadline": "soon"}))
    assert [problem.prop for problem in checked.problems] == ["drain.deadline"]


def test_an_unknown_inside_a_list_hides_only_its_own_input() -> None:
    checked = validate(inputs(include=["vm-1", UNKNOWN], max_unavailable=2.0))
    assert checked.problems == ()
    assert checked.unknown == {"include"}
    assert checked.declaration is not None
    assert checked.declaration.max_unavailable == Amount(2, False)
