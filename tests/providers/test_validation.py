"""Bad inputs are named with property, value and remedy; unknown values are left alone."""

from __future__ import annotations

import ast
import copy
import re
from typing import Any

import pytest
from pulumi.output import UNKNOWN

from providers.host_pool_image_update import HostPoolImageUpdateProvider
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


NIGHTS = {"recur_every": "Day", "start": "22:00", "duration": "PT6H", "time_zone": "Europe/Amsterdam"}
HOOK = {"url_secrets": [f"{VAULT}/teams"]}
RMM = {"name": "rmm", "publisher": "Contoso.Rmm", "type": "RmmAgent", "version": "1.0"}
AD = {
    "type": "ad",
    "domain": "corp.contoso.com",
    "user": "join@corp.contoso.com",
    "password_secret": f"{VAULT}/join",
}
ENTRA = {"type": "entra"}
OUT = object()
"""The remedy is to leave a setting out."""


def night(**changes: Any) -> dict[str, Any]:
    return {"window": {**NIGHTS, **changes}}


def reminder(text: Any, **changes: Any) -> dict[str, Any]:
    return {"drain": {"reminders": [{"before": "PT20M", "text": "Go."}, {"before": "PT5M", "text": text, **changes}]}}


def extension(**changes: Any) -> dict[str, Any]:
    return {"post_update": {"extensions": [RMM, {**RMM, "name": "other", "type": "Other", **changes}]}}


BAD: list[tuple[dict[str, Any], str, str, dict[str, Any]]] = [
    # What is declared, the property that is named, its value as told, and what the remedy says mends it.
    # Names and types.
    ({"max_unavailible": 3.0}, "max_unavailible", "3", {"max_unavailable": 3.0}),
    ({"maxUnavailable": 3.0}, "maxUnavailable", "3", {"max_unavailable": 3.0}),
    ({"log_off": "force"}, "log_off", "'force'", {"drain.log_off": "force"}),
    ({"drain": {"log_of": "wait"}}, "drain.log_of", "'wait'", {"drain.log_off": "wait"}),
    (reminder("x", titel="y"), "drain.reminders[1].titel", "'y'", {"drain.reminders[1].title": "y"}),
    (
        extension(publischer="y"),
        "post_update.extensions[1].publischer",
        "'y'",
        {"post_update.extensions[1].publisher": "y"},
    ),
    ({"zzz": 1.0}, "zzz", "1", {"zzz": OUT}),
    (
        {"local_admin": {**inputs()["local_admin"], "password": "P@ss"}},
        "local_admin.password",
        "(hidden)",
        {"local_admin.password_secret": f"{VAULT}/password"},
    ),
    ({"max_unavailable": True}, "max_unavailable", "true", {"max_unavailable": "10%"}),
    ({"fail_when_incomplete": "yes"}, "fail_when_incomplete", "'yes'", {"fail_when_incomplete": True}),
    ({"drain": "PT5M"}, "drain", "'PT5M'", {"drain": {"deadline": "PT8H"}}),
    ({"max_unavailable": [3.0]}, "max_unavailable", "[3.0]", {"max_unavailable": "10%"}),
    ({"canary": 1.0}, "canary", "1", {"canary": {"hosts": 2}}),
    ({"canary": {"hosts": "one"}}, "canary.hosts", "'one'", {"canary.hosts": 2}),
    ({"window": "Day"}, "window", "'Day'", {}),
    ({"include": [3.0]}, "include[0]", "3", {"include[0]": "vm-0"}),
    ({"image": ""}, "image", "''", {"image": "MicrosoftWindowsDesktop:office-365:win11-24h2-avd-m365"}),
    ({"build": "later"}, "build", "'later'", {"build": "after_deallocate"}),
    ({"drain": {"log_off": "never"}}, "drain.log_off", "'never'", {"drain.log_off": "disconnected_only"}),
    ({"verify": {"accept": []}}, "verify.accept", "[]", {"verify.accept": ["Available", "NeedsAssistance"]}),
    ({"verify": {"accept": ["Avilable"]}}, "verify.accept[0]", "'Avilable'", {"verify.accept[0]": "Available"}),
    ({"local_admin": None}, "local_admin", "None", {}),
    ({"checkpoints": [{"percent": 25.0}]}, "checkpoints[0].pause", "None", {"checkpoints[0].pause": "PT30M"}),
    ({"emergency": {}}, "emergency.reason", "None", {"emergency.reason": "CVE-2026-1234 is exploited"}),
    # Numbers and durations.
    ({"max_unavailable": 0.0}, "max_unavailable", "0", {}),
    ({"max_unavailable": 1.5}, "max_unavailable", "1.5", {}),
    ({"max_unavailable": "150%"}, "max_unavailable", "'150%'", {"max_unavailable": "10%"}),
    ({"min_serving": "many"}, "min_serving", "'many'", {"min_serving": "10%"}),
    ({"headroom": 3.0}, "headroom", "3", {"headroom": "10%"}),
    ({"max_failed": "x%"}, "max_failed", "'x%'", {"max_failed": "10%"}),
    ({"sessions_per_host": 0.0}, "sessions_per_host", "0", {}),
    ({"max_rollouts_per_subscription": -1.0}, "max_rollouts_per_subscription", "-1", {}),
    ({"verify": {"polls": 0.0}}, "verify.polls", "0", {}),
    ({"drain": {"deadline": "soon"}}, "drain.deadline", "'soon'", {"drain.deadline": "PT10M"}),
    ({"drain": {"deadline": "P1M"}}, "drain.deadline", "'P1M'", {"drain.deadline": "P3D"}),
    ({"keep_old_disk": "P99999999999D"}, "keep_old_disk", "'P99999999999D'", {"keep_old_disk": "P3D"}),
    ({"keep_old_disk": -1.0}, "keep_old_disk", "-1", {"keep_old_disk": "P3D"}),
    ({"verify": {"timeout": "PT30S"}}, "verify.timeout", "'PT30S'", {"verify.timeout": "PT60M"}),
    # Dates, zones and windows.
    (night(recur_every="Fridays"), "window.recur_every", "'Fridays'", {"window.recur_every": "Week Saturday,Sunday"}),
    (night(recur_every="Month day32"), "window.recur_every", "'Month day32'", {"window.recur_every": "Day"}),
    (
        night(recur_every="12Months day30", start="2026-02-01 22:00"),
        "window.recur_every",
        "'12Months day30'",
        {"window.recur_every": "Month Second Tuesday Offset4"},
    ),
    (night(start="2026-02-31 22:00"), "window.start", "'2026-02-31 22:00'", {"window.start": "2026-01-03 22:00"}),
    (night(start="25:00"), "window.start", "'25:00'", {"window.start": "22:00"}),
    (night(recur_every="2Weeks Saturday"), "window.start", "'22:00'", {"window.start": "2026-01-03 22:00"}),
    (night(duration="PT20M"), "window.duration", "'PT20M'", {"window.duration": "PT6H"}),
    (night(duration=1200.0), "window.duration", "1200", {"window.duration": "PT6H"}),
    (night(duration="PT30H"), "window.duration", "'PT30H'", {"window.duration": "PT6H"}),
    (night(time_zone="Mars/Phobos"), "window.time_zone", "'Mars/Phobos'", {"window.time_zone": "Europe/Amsterdam"}),
    ({"time_zone": "CEST5"}, "time_zone", "'CEST5'", {"time_zone": "W. Europe Standard Time"}),
    (
        {"start_at": "2026-02-31T22:00:00Z"},
        "start_at",
        "'2026-02-31T22:00:00Z'",
        {"start_at": "2026-12-05T22:00:00+01:00"},
    ),
    (
        {"start_at": "2026-12-05T22:00:00"},
        "start_at",
        "'2026-12-05T22:00:00'",
        {"start_at": "2026-12-05T22:00:00+01:00"},
    ),
    ({**night(), "ready_by": "Mon 25:00"}, "ready_by", "'Mon 25:00'", {"ready_by": "Mon 06:00"}),
    ({**night(), "ready_by": "Mon 22:10"}, "ready_by", "'Mon 22:10'", {"ready_by": "Tue 04:00"}),
    # Texts.
    (
        reminder("x" * 300),
        "drain.reminders[1].text",
        f"'{'x' * 40}...'",
        {"drain.reminders[1].text": "Please sign out by {time}."},
    ),
    (reminder({"en": "Go.", "nl": "x" * 300}), "drain.reminders[1].text.nl", f"'{'x' * 40}...'", {}),
    (
        reminder("x", title="y" * 300),
        "drain.reminders[1].title",
        f"'{'y' * 40}...'",
        {"drain.reminders[1].title": "Maintenance"},
    ),
    ({"drain": {"message": "{when}"}}, "drain.message", "'{when}'", {"drain.message": "{time}"}),
    ({"drain": {"message_title": {"en": "x"}, "message": {"nl": "y"}}}, "drain.message_title", "'en'", {}),
    (
        {"emergency": {"reason": "x" * 201}},
        "emergency.reason",
        f"'{'x' * 199}...",
        {"emergency.reason": "CVE-2026-1234 is exploited"},
    ),
    ({"emergency": {"reason": ""}}, "emergency.reason", "''", {"emergency.reason": "CVE-2026-1234 is exploited"}),
    ({"notify": {**HOOK, "text": "{who}"}}, "notify.text", "'{who}'", {"notify.text": "{pool}"}),
    ({"build_tags": {"a/b": "x"}}, "build_tags", "'a/b'", {"build_tags": {"policy-exempt": "x"}}),
    ({"build_tags": {"avd-rollout": "x"}}, "build_tags.avd-rollout", "'x'", {"build_tags": {"policy-exempt": "x"}}),
    ({"build_tags": {"a": "x" * 257}}, "build_tags.a", f"'{'x' * 199}...", {"build_tags.a": "image-update"}),
    # Secrets and ids.
    ({"host_pool_id": "hp1"}, "host_pool_id", "'hp1'", {}),
    ({"build_resource_group_id": "avd-build"}, "build_resource_group_id", "'avd-build'", {}),
    ({"build_subnet_id": "build"}, "build_subnet_id", "'build'", {}),
    ({"agent": {"modules_url": "C:\\x.zip"}}, "agent.modules_url", "'C:\\\\x.zip'", {}),
    ({"notify": {"url_secrets": ["teamz://a/b"]}}, "notify.url_secrets[0]", "'teamz://...'", {}),
    ({"notify": {"url_secrets": ["https://u:p@h.io/T0/B1"]}}, "notify.url_secrets[0]", "'https://h.io/...'", {}),
    ({"join": {**AD, "password_secret": "P@ss"}}, "join.password_secret", "'(4 characters)'", {}),
    ({"join": {**AD, "domain": None}}, "join.domain", "None", {}),
    # What makes no sense together.
    ({"join": {**ENTRA, "ou_path": "OU=AVD"}}, "join.ou_path", "'OU=AVD'", {"join.ou_path": OUT}),
    ({"join": {**AD, "mdm_id": "x"}}, "join.mdm_id", "'x'", {"join.mdm_id": OUT}),
    ({"join": {**AD, "ou_path": "AVD"}}, "join.ou_path", "'AVD'", {"join.ou_path": "OU=AVD,DC=corp,DC=contoso,DC=com"}),
    ({"join": AD, "device_cleanup": "leave"}, "device_cleanup", "'leave'", {"device_cleanup": OUT}),
    ({"stop": "power_off", "vm_size": "Standard_D4s_v5"}, "stop", "'power_off'", {"stop": "deallocate"}),
    ({"build": "after_deallocate", "max_building": 4.0}, "max_building", "4", {"max_building": OUT}),
    ({"build": "after_deallocate", "max_building": "5%"}, "max_building", "'5%'", {"max_building": OUT}),
    ({"version": "promoted"}, "version", "'promoted'", {"version": "1.0.1"}),
    (
        {"version": "promoted", "promote_from": {"host_pool_id": "hp-test"}},
        "promote_from.host_pool_id",
        "'hp-test'",
        {},
    ),
    ({"promote_from": {"host_pool_id": POOL}}, "promote_from.host_pool_id", f"'{POOL}'", {}),
    ({"promote_from": {"soak": "P1D"}}, "promote_from.host_pool_id", "None", {}),
    ({"include": ["vm-1"], "exclude": ["vm-0", "VM-1"]}, "exclude[1]", "'VM-1'", {"exclude[1]": OUT}),
    ({"canary": {"names": ["vm-1", "vm-2", "VM-1"]}}, "canary.names[2]", "'VM-1'", {"canary.names[2]": OUT}),
    ({"canary": {"names": ["vm-1"]}, "exclude": ["vm-1"]}, "canary.names[0]", "'vm-1'", {"canary.names[0]": OUT}),
    ({"canary": {"hosts": 0.0, "names": ["vm-1"]}}, "canary.names", "['vm-1']", {"canary.hosts": OUT}),
    ({"canary": {"hosts": 0.0, "bake": "PT2H"}}, "canary.bake", "'PT2H'", {"canary.hosts": 1.0}),
    ({"canary": {"hosts": 0.0, "approval": True}}, "canary.approval", "true", {"canary.approval": OUT}),
    ({"canary": {"hosts": 0.0}, "stop_after": "canary"}, "stop_after", "'canary'", {"stop_after": OUT}),
    ({"canary": {"approval": True}, "stop_after": "canary"}, "stop_after", "'canary'", {"stop_after": OUT}),
    (
        {"checkpoints": [{"percent": 50.0, "pause": "PT1H"}, {"percent": 25.0, "pause": "PT1H"}]},
        "checkpoints[1].percent",
        "25",
        {"checkpoints[1].percent": 75},
    ),
    (
        {"checkpoints": [{"percent": 100.0, "pause": "PT1H"}]},
        "checkpoints[0].percent",
        "100",
        {"checkpoints[0].percent": 50},
    ),
    (
        {"checkpoints": [{"percent": 50.0, "pause": "PT0S"}]},
        "checkpoints[0].pause",
        "'PT0S'",
        {"checkpoints[0].pause": "PT30M"},
    ),
    (reminder("x", before="PT2H"), "drain.reminders[1].before", "'PT2H'", {}),
    (reminder("x", before=1200.0), "drain.reminders[1].before", "1200", {"drain.reminders[1]": OUT}),
    ({"drain": {"log_off": "force", "grace": "PT2H"}}, "drain.grace", "'PT2H'", {"drain.deadline": "PT4H"}),
    ({"drain": {"log_off": "force", "deadline": "PT5M"}}, "drain.deadline", "'PT5M'", {"drain.deadline": "PT1H"}),
    ({"drain": {"log_off": "force", "grace": "PT5M"}}, "drain.grace", "'PT5M'", {"drain.grace": "PT10M"}),
    ({"drain": {"log_off": "force", "grace": 300.0}}, "drain.grace", "300", {"drain.allow_data_loss": True}),
    ({"protection": {"deadline": "PT4H"}}, "protection.deadline", "'PT4H'", {"protection.policy": "wait"}),
    ({"protection": {"policy": "skip", "then": "fail"}}, "protection.then", "'fail'", {"protection.then": OUT}),
    ({"quarantine": {"disks": 0.0, "keep": "P2D"}}, "quarantine.keep", "'P2D'", {"quarantine": OUT}),
    ({"quarantine": {"disks": 1.0, "keep": "PT0S"}}, "quarantine.keep", "'PT0S'", {"quarantine.keep": "P7D"}),
    ({**night(), "start_at": "2026-12-05T22:00:00Z"}, "start_at", "'2026-12-05T22:00:00Z'", {"start_at": OUT}),
    ({"timing": "quietest"}, "timing", "'quietest'", {"timing": OUT}),
    ({"build_ahead": "PT4H"}, "build_ahead", "'PT4H'", {"build_ahead": OUT}),
    ({**night(), "build_ahead": "PT5M"}, "build_ahead", "'PT5M'", {"build_ahead": "PT4H"}),
    ({**night(), "build_ahead": "PT4H", "build": "after_deallocate"}, "build_ahead", "'PT4H'", {"build": "ahead"}),
    ({"ready_by": "Mon 06:00"}, "ready_by", "'Mon 06:00'", {"ready_by": OUT}),
    ({"when_closed": "wait", "max_rollouts_per_subscription": 0.0}, "when_closed", "'wait'", {"when_closed": OUT}),
    ({"notify": {**HOOK, "reminders": ["PT2H"]}}, "notify.reminders", "['PT2H']", {"notify.reminders": OUT}),
    (
        {**night(), "notify": {**HOOK, "reminders": ["PT5M"]}},
        "notify.reminders[0]",
        "'PT5M'",
        {"notify.reminders[0]": "P1D"},
    ),
    (
        {**night(), "notify": {**HOOK, "reminders": ["PT1H", "PT60M"]}},
        "notify.reminders[1]",
        "'PT60M'",
        {"notify.reminders[1]": OUT},
    ),
    (
        {**night(), "notify": {**HOOK, "quiet": True, "reminders": ["PT2H"]}},
        "notify.reminders",
        "['PT2H']",
        {"notify.quiet": OUT},
    ),
    (
        {"post_update": {"secrets": {"Token": f"{VAULT}/t"}}},
        "post_update.secrets.Token",
        f"'{VAULT}/t'",
        {"post_update.script": ["param([string]$Token)"]},
    ),
    (
        extension(type="rmmagent"),
        "post_update.extensions[1].type",
        "'Contoso.Rmm/rmmagent'",
        {"post_update.extensions[1]": OUT},
    ),
    (extension(name="RMM"), "post_update.extensions[1].name", "'RMM'", {"post_update.extensions[1].name": "RMM-2"}),
    (
        extension(version="latest"),
        "post_update.extensions[1].version",
        "'latest'",
        {"post_update.extensions[1].version": "1.0"},
    ),
]


def changed(given: Any, where: str, value: Any) -> Any:
    """The inputs with another value at a path such as `drain.reminders[0].text`; objects on the way are made."""
    made = copy.deepcopy(given)
    *way, last = [int(part) if part.isdigit() else part for part in re.findall(r"[^.\[\]]+", where)]
    at = made
    for part in way:
        at = at[part] if isinstance(part, int) else at.setdefault(part, {})
    if value is OUT:
        del at[last]
    else:
        at[last] = value
    return made


def example_in(remedy: str) -> Any:
    """What a remedy gives as a valid value."""
    text = remedy.partition("such as ")[2]
    for end in range(len(text), 0, -1):
        try:
            return ast.literal_eval(text[:end].rstrip(", "))
        except (SyntaxError, ValueError):
            continue
    return text.partition(" ")[0].rstrip(",")


def says(remedy: str, where: str, value: Any) -> bool:
    """Whether the remedy gives the value, or names the property to use instead."""
    if value is OUT:
        return "leave" in remedy or remedy.startswith("known are ")
    if isinstance(value, dict):
        return repr(value) in remedy or all(name in remedy for name in value)
    return (str(value).lower() if isinstance(value, bool) else str(value)) in remedy or where in remedy


@pytest.mark.parametrize(
    ("changes", "prop", "value", "mend"), BAD, ids=[f"{prop}-{n}" for n, (_, prop, *_) in enumerate(BAD)]
)
def test_a_bad_declaration_is_one_error_with_property_value_and_a_remedy_that_mends_it(
    changes: dict[str, Any], prop: str, value: str, mend: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the provider's check, as a preview calls it, and without asking Azure."""
    monkeypatch.setattr("providers.preview.look", None)
    [failure] = HostPoolImageUpdateProvider().check({}, inputs(**changes)).failures
    told, _, remedy = failure.reason.partition("; ")
    assert failure.property == prop
    assert told.startswith(f"{prop}: {value} "), told
    mended = inputs(**changes)
    if "is no known property" in told and mend != {prop: OUT}:
        mended = changed(mended, prop, OUT)
    for where, right in (mend or {prop: example_in(remedy)}).items():
        assert says(remedy, where, right), remedy
        mended = changed(mended, where, right)
    assert [problem.reason for problem in validate(mended).problems] == []


def test_the_nearest_name_is_told_and_all_of_them_only_where_none_is_near() -> None:
    assert "did you mean max_unavailable?" in reasons(max_unavailible=3)["max_unavailible"]
    assert "did you mean canary.hosts?" in reasons(canary={"host": 3})["canary.host"]
    assert "did you mean drain.log_off?" in reasons(log_off="wait")["log_off"]
    assert "known are host_pool_id, image, " in reasons(zzz=1)["zzz"]
    assert "known are hosts, bake, " in reasons(canary={"zzz": 1})["canary.zzz"]


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
