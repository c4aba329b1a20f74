"""What cannot be declared: each wrong value names property, value and remedy."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollout.declaration import Build, Canary, Checkpoint, Declaration, DeviceCleanup, Stop, WhenClosed, parse
from rollout.draining import LogOff
from rollout.errors import InvalidDeclaration
from rollout.log_analytics import LogAnalytics
from rollout.values import Amount, duration
from rollout.window import Window
from tests.support.observed import DEFINITION, POOL, SECRETS

LEAST: dict[str, Any] = {"host_pool_id": POOL, "image": DEFINITION, "version": "1.0.1"}
AD = {"type": "ad", "domain": "contoso.com", "user": "joiner", "password_secret": f"{SECRETS}/join"}

NIGHTS = {"recur_every": "Day", "start": "22:00", "duration": "PT6H", "time_zone": "Europe/Amsterdam"}
TABLE = {"endpoint": "https://avd-a1b2.westeurope-1.ingest.monitor.azure.com", "rule_id": f"dcr-{'0' * 32}"}

WRONG: list[tuple[str, dict[str, Any], str, str]] = [
    # property, inputs, value as told, part of the remedy
    ("host_pool_id", {"host_pool_id": "hp1"}, "hp1", "/hostPools/<name>"),
    ("host_pool_id", {"host_pool_id": f"{POOL}/sessionHosts/vm-0"}, "sessionHosts", "/hostPools/<name>"),
    ("max_unavailable", {"max_unavailable": 0}, "0", "1 or more"),
    ("max_unavailable", {"max_unavailable": -1}, "-1", "1 or more"),
    ("max_unavailable", {"max_unavailable": 1.5}, "1.5", "whole number"),
    ("max_unavailable", {"max_unavailable": "0%"}, "0%", "from 1% to 100%"),
    ("max_unavailable", {"max_unavailable": "150%"}, "150%", "from 1% to 100%"),
    ("max_unavailable", {"max_unavailable": "many"}, "many", '"10%"'),
    ("max_unavailable", {"max_unavailable": [3]}, "[3]", '"10%"'),
    ("max_building", {"max_building": 0}, "0", "1 or more"),
    ("max_building", {"max_building": "101%"}, "101%", "100%"),
    ("min_serving", {"min_serving": -1}, "-1", "0 or more"),
    ("min_serving", {"min_serving": "101%"}, "101%", "from 0% to 100%"),
    ("max_failed", {"max_failed": -1}, "-1", "0 or more"),
    ("headroom", {"headroom": 1.5}, "1.5", "from 0 to 1"),
    ("headroom", {"headroom": "x"}, "x", "10%"),
    ("sessions_per_host", {"sessions_per_host": 0}, "0", "1 or more"),
    ("canary.hosts", {"canary": {"hosts": -1}}, "-1", "0 or more"),
    ("canary.bake", {"canary": {"bake": "10 minutes"}}, "10 minutes", "PT10M"),
    ("canary.names[1]", {"canary": {"names": ["vm-0", "VM-0"]}}, "VM-0", "once"),
    ("canary.per_zone", {"canary": {"hosts": 2, "per_zone": True}}, "True", "one of the two"),
    ("canary.approval", {"canary": {"hosts": 0, "approval": True}}, "True", "canary.hosts: 1 or more"),
    ("stop_after", {"stop_after": "half"}, "half", "use one of canary"),
    ("quarantine.disks", {"quarantine": {"disks": -1}}, "-1", "0 or more"),
    ("quarantine.keep", {"quarantine": {"disks": 1, "keep": "soon"}}, "soon", "PT10M"),
    ("max_rollouts_per_subscription", {"max_rollouts_per_subscription": 0.5}, "0.5", "0 or more"),
    ("checkpoints[0].percent", {"checkpoints": [{"percent": 0, "pause": "PT1H"}]}, "0", "1% to 100%"),
    ("checkpoints[0].pause", {"checkpoints": [{"percent": 50, "pause": "x"}]}, "x", "PT10M"),
    (
        "checkpoints[1].percent",
        {"checkpoints": [{"percent": 50, "pause": "PT1H"}, {"percent": 50, "pause": "PT1H"}]},
        "50",
        "rising",
    ),
    ("drain.deadline", {"drain": {"deadline": -5}}, "-5", "PT10M"),
    ("drain.grace", {"drain": {"grace": "P1M"}}, "P1M", "PT10M"),
    ("drain.zero_sessions_for", {"drain": {"zero_sessions_for": "soon"}}, "soon", "PT10M"),
    ("drain.log_off", {"drain": {"log_off": "never"}}, "never", "wait, disconnected_only, force"),
    ("drain.message", {"drain": {"message": "x" * 261}}, "xxx", "260"),
    ("drain.final_message", {"drain": {"final_message": "x" * 261}}, "xxx", "260"),
    ("drain.grace", {"drain": {"log_off": "force", "grace": "PT2H"}}, "PT2H", "shorter"),
    ("drain.grace", {"drain": {"log_off": "force", "grace": "PT9M"}}, "PT9M", "PT10M or more, or drain.allow"),
    ("drain.end_disconnected_after", {"drain": {"end_disconnected_after": "later"}}, "later", "PT10M"),
    ("drain.message", {"drain": {"message": "Leave by {when}."}}, "{when}", "{time}"),
    ("drain.message", {"drain": {"message": "Leave by {time"}}, "{time", "{time}"),
    ("drain.message.nl", {"drain": {"message": {"en": "Leave.", "nl": " "}}}, " ", "{time}"),
    ("drain.message", {"drain": {"message": {}}}, "{}", '"nl"'),
    ("drain.message_title", {"drain": {"message": {"nl": "Weg."}, "message_title": {"en": "Go"}}}, "en", '{"nl":'),
    ("drain.message", {"drain": {"message": "{host}" + "x" * 246}}, "xxx", "260"),
    ("drain.message", {"drain": {"message": "{pool}" + "x" * 258}}, "xxx", "260"),
    ("drain.final_message", {"drain": {"final_message": "{finish}" + "x" * 245}}, "xxx", "260"),
    ("drain.message_title", {"drain": {"message_title": "{nobody}"}}, "{nobody}", "{pool}"),
    ("drain.reminders[0].before", {"drain": {"reminders": [{"before": "PT1H", "text": "a"}]}}, "PT1H", "such as PT15M"),
    ("drain.reminders[0].before", {"drain": {"reminders": [{"before": "PT0S", "text": "a"}]}}, "PT0S", "PT15M"),
    (
        "drain.reminders[1].before",
        {"drain": {"reminders": [{"before": "PT5M", "text": "a"}, {"before": 300, "text": "b"}]}},
        "300",
        "another time",
    ),
    (
        "drain.reminders[0].text",
        {"drain": {"reminders": [{"before": "PT5M", "text": "{minute}"}]}},
        "{minute}",
        "{minutes}",
    ),
    ("time_zone", {"time_zone": "Europe/Atlantis"}, "Europe/Atlantis", "Europe/Amsterdam"),
    ("join.type", {"join": {"type": "workgroup"}}, "workgroup", "ad, entra"),
    ("join.domain", {"join": {**AD, "domain": ""}}, "None", "domain, user and password_secret"),
    ("join.user", {"join": {**AD, "user": None}}, "None", "domain, user and password_secret"),
    ("join.password_secret", {"join": {**AD, "password_secret": None}}, "None", "domain, user and password_secret"),
    ("join.domain", {"join": {"type": "entra", "domain": "contoso.com"}}, "contoso.com", "leave it out"),
    ("build", {"build": "later"}, "later", "ahead, after_deallocate"),
    ("stop", {"stop": "hibernate"}, "hibernate", "deallocate, power_off"),
    ("stop", {"stop": "power_off", "vm_size": "Standard_D8s_v5"}, "power_off", "deallocate"),
    ("device_cleanup", {"device_cleanup": "all"}, "all", "graph, leave, none"),
    ("keep_old_disk", {"keep_old_disk": "3 days"}, "3 days", "P3D"),
    ("allocation_retry", {"allocation_retry": True}, "True", "PT10M"),
    ("verify.polls", {"verify": {"polls": 0}}, "0", "1 or more"),
    ("verify.timeout", {"verify": {"timeout": "1h"}}, "1h", "PT10M"),
    ("exclude[0]", {"include": ["vm-0"], "exclude": ["vm-0"]}, "vm-0", "one of the two"),
    ("window.recur_every", {"window": {**NIGHTS, "recur_every": "Weekly"}}, "Weekly", "Week Saturday,Sunday"),
    ("window.start", {"window": {**NIGHTS, "start": "10pm"}}, "10pm", "22:00"),
    ("window.duration", {"window": {**NIGHTS, "duration": "6 hours"}}, "6 hours", "PT10M"),
    ("window.duration", {"window": {**NIGHTS, "duration": "PT20M"}}, "PT20M", "PT6H"),
    ("window.time_zone", {"window": {**NIGHTS, "time_zone": "CETT"}}, "CETT", "Europe/Amsterdam"),
    ("start_at", {"start_at": "2026-12-05T22:00:00"}, "2026-12-05T22:00:00", "+01:00"),
    ("start_at", {"start_at": "2026-02-31T22:00:00Z"}, "2026-02-31", "+01:00"),
    ("start_at", {"start_at": "2026-12-05T22:00:00Z", "window": NIGHTS}, "2026-12-05T22:00:00Z", "one of the two"),
    ("notify.url_secrets[0]", {"notify": {"url_secrets": ["mailto://a:b@c"]}}, "mailto://...", "Key Vault"),
    (
        "notify.url_secrets[1]",
        {"notify": {"url_secrets": [f"{SECRETS}/a", "teams"]}},
        "(5 characters)",
        "/secrets/<name>",
    ),
    ("notify.title", {"notify": {"url_secrets": [f"{SECRETS}/a"], "title": "{host}"}}, "{host}", "{pool}, {what}"),
    ("notify.text", {"notify": {"url_secrets": [f"{SECRETS}/a"], "text": "{text"}}, "{text", "{pool}: {what}"),
    ("log_analytics.endpoint", {"log_analytics": {**TABLE, "endpoint": "logs"}}, "logs", "logsIngestion"),
    ("log_analytics.endpoint", {"log_analytics": {**TABLE, "endpoint": "http://x"}}, "http://x", "https://avd-a1b2"),
    (
        "log_analytics.endpoint",
        {"log_analytics": {**TABLE, "endpoint": "https://a?b"}},
        "https://a?b",
        "https://avd-a1b2",
    ),
    ("log_analytics.rule_id", {"log_analytics": {**TABLE, "rule_id": "/subscriptions/s"}}, "/subscr", "immutableId"),
    ("log_analytics.stream", {"log_analytics": {**TABLE, "stream": "Audit_CL"}}, "Audit_CL", "Custom-AvdImageUpdate"),
    ("log_analytics.resource_id", {"log_analytics": {**TABLE, "resource_id": "dcr-1"}}, "dcr-1", "/subscriptions/"),
    ("when_closed", {"when_closed": "ask"}, "ask", "return, wait"),
    ("notify.reminders[0]", {"notify": {"url_secrets": [f"{SECRETS}/a"], "reminders": ["1 day"]}}, "1 day", "PT10M"),
    ("notify.reminders[1]", {"notify": {"url_secrets": [f"{SECRETS}/a"], "reminders": ["P1D", "PT5M"]}}, "PT5M", "P1D"),
    ("notify.reminders[0]", {"notify": {"url_secrets": [f"{SECRETS}/a"], "reminders": ["P15D"]}}, "P15D", "P1D"),
    ("emergency.reason", {"emergency": {"reason": "  "}}, "''", "CVE-2026-1234"),
    ("emergency.reason", {"emergency": {"reason": "a\nb"}}, "a", "write the reason"),
    ("emergency.reason", {"emergency": {"reason": "x" * 201}}, "xxx", "write the reason"),
    ("ready_by", {"window": NIGHTS, "ready_by": "Monday morning"}, "Monday morning", "Mon 06:00"),
    ("ready_by", {"ready_by": "Mon 06:00"}, "Mon 06:00", "declare window"),
    ("ready_by", {"window": NIGHTS, "ready_by": "Mon 22:10"}, "Mon 22:10", "leave 30 minutes"),
]


@pytest.mark.parametrize(("prop", "inputs", "value", "remedy"), WRONG, ids=[f"{p}-{v}" for p, _, v, _ in WRONG])
def test_a_wrong_value_names_property_value_and_remedy(
    prop: str, inputs: dict[str, Any], value: str, remedy: str
) -> None:
    with pytest.raises(InvalidDeclaration) as raised:
        parse({**LEAST, **inputs})
    told = raised.value
    assert told.prop == prop and str(told).startswith(f"{prop}: ")
    assert value in repr(told.value) and remedy in told.remedy and told.problem
    assert "\n" not in str(told)


@pytest.mark.parametrize(
    "uri",
    [
        "domain-join-password",
        "http://kv.vault.azure.net/secrets/join",
        "https://kv.vault.azure.net/keys/join",
        "https://kv.vault.azure.net/secrets/",
        "Pa55word!",
        "",
    ],
)
def test_a_secret_is_a_reference_to_key_vault(uri: str) -> None:
    for prop, inputs in (
        ("local_admin.password_secret", {"local_admin": {"username_secret": f"{SECRETS}/n", "password_secret": uri}}),
        ("local_admin.username_secret", {"local_admin": {"username_secret": uri, "password_secret": f"{SECRETS}/p"}}),
    ):
        with pytest.raises(InvalidDeclaration) as raised:
            parse({**LEAST, **inputs})
        assert raised.value.prop == prop and "secrets/<name>" in raised.value.remedy


@pytest.mark.parametrize(
    "uri",
    [
        f"{SECRETS}/join",
        f"{SECRETS}/join/0123456789abcdef0123456789abcdef",
        "https://localhost:8443/keyvault/avd-kv/secrets/join",
    ],
)
def test_secrets_with_and_without_a_version(uri: str) -> None:
    joined = parse({**LEAST, "join": {**AD, "password_secret": uri}}).join
    assert joined is not None and joined.password_secret == uri


def test_what_is_left_out_has_the_defaults() -> None:
    assert parse(LEAST) == Declaration(POOL, DEFINITION, "1.0.1")
    assert parse({**LEAST, "drain": None, "max_failed": None}) == parse(LEAST)


def test_everything_declared_arrives() -> None:
    given_ = parse(
        {
            **LEAST,
            "max_unavailable": "10%",
            "min_serving": "50%",
            "headroom": "20%",
            "canary": {"hosts": 2.0, "bake": "PT1H"},
            "checkpoints": [{"percent": 25.0, "pause": "PT1H"}, {"percent": "50%", "pause": 60}],
            "max_failed": 2.0,
            "drain": {"deadline": "PT2H", "log_off": "force", "grace": 300.0, "allow_data_loss": True},
            "build": "after_deallocate",
            "stop": "power_off",
            "device_cleanup": "graph",
            "join": {"type": "entra"},
            "build_tags": {"b": 2, "a": 1},
            "keep_old_disk": "P1W",
            "verify": {"polls": 3.0, "accept": ["Available", "NeedsAssistance"], "script": ["exit 0"]},
            "window": NIGHTS,
            "when_closed": "wait",
        }
    )
    assert (given_.window, given_.when_closed) == (Window("Day", "22:00", 21600, "Europe/Amsterdam"), WhenClosed.WAIT)
    assert parse({**LEAST, "start_at": "2026-12-05T22:00:00+01:00"}).start_at == 1_796_504_400
    assert given_.max_unavailable == Amount(10, True)
    assert parse({**LEAST, "max_building": 4.0}).max_building == Amount(4, False)
    assert (given_.min_serving, given_.headroom, given_.max_failed) == (Amount(50, True), 0.2, Amount(2, False))
    assert given_.canary == Canary(2, 3600)
    assert given_.checkpoints == (Checkpoint(25, 3600), Checkpoint(50, 60))
    assert (given_.drain.deadline, given_.drain.log_off, given_.drain.grace) == (7200, LogOff.FORCE, 300)
    assert (given_.build, given_.stop) == (Build.AFTER_DEALLOCATE, Stop.POWER_OFF)
    assert given_.device_cleanup is DeviceCleanup.GRAPH
    assert (given_.build_tags, given_.keep_old_disk) == ((("a", "1"), ("b", "2")), 7 * 86400)
    assert (given_.verify.polls, given_.verify.script) == (3, ("exit 0",))


def test_messages_arrive_by_language_and_reminders_in_the_order_of_time() -> None:
    drain = parse(
        {
            **LEAST,
            "drain": {
                "message": {"nl": "Weg.", "en": "Go."},
                "message_title": "Update {{1}}",
                "reminders": [{"before": 300, "text": "b"}, {"before": "PT30M", "text": "a", "title": "Soon"}],
            },
        }
    ).drain
    assert drain.message.boxes == (("Update {{1}}", "Go."), ("Update {{1}}", "Weg."))
    assert drain.message.filled({})[0][0] == "Update {1}"
    assert [(r.before, r.message.boxes) for r in drain.reminders] == [
        (1800, (("Soon", "a"),)),
        (300, (("Update {{1}}", "b"),)),
    ]
    assert drain.final_message.boxes[0][0] == "Update {{1}}"


def test_the_pools_zone_is_that_of_its_window_unless_another_is_declared() -> None:
    assert parse(LEAST).zone == "UTC"
    assert parse({**LEAST, "window": NIGHTS}).zone == "Europe/Amsterdam"
    assert parse({**LEAST, "window": NIGHTS, "time_zone": "romance standard time"}).zone == "Europe/Paris"


def test_pool_ids_are_taken_in_any_case() -> None:
    assert parse({**LEAST, "host_pool_id": POOL.lower()}).pool_name == "hp1"


@given(st.floats(0.1, 100), st.integers(0, 10000))
def test_a_percentage_rounds_down_for_limits_and_up_for_floors(percent: float, hosts: int) -> None:
    amount = Amount(percent, True)
    assert 1 <= amount.of(hosts) <= max(1, hosts)
    assert amount.of(hosts, at_least=0) <= amount.rounded_up(hosts) <= hosts
    assert amount.rounded_up(hosts) - amount.of(hosts, at_least=0) <= 1


@given(st.integers(0, 10**6), st.integers(0, 59))
def test_durations_are_iso_8601_or_seconds(minutes: int, seconds: int) -> None:
    assert duration("x", f"PT{minutes}M{seconds}S") == minutes * 60 + seconds
    assert duration("x", float(minutes)) == minutes


@given(st.one_of(st.none(), st.text(), st.booleans(), st.lists(st.integers()), st.floats(allow_nan=True)))
def test_whatever_is_given_for_a_number_is_told_or_taken(value: Any) -> None:
    for prop in ("max_unavailable", "min_serving", "sessions_per_host", "headroom", "keep_old_disk"):
        try:
            parse({**LEAST, prop: value})
        except InvalidDeclaration as told:
            assert told.prop == prop


def test_a_table_of_log_analytics_has_the_stream_of_the_template() -> None:
    declared = parse({**LEAST, "log_analytics": {**TABLE, "endpoint": f"{TABLE['endpoint']}/"}}).log_analytics
    assert declared == LogAnalytics(TABLE["endpoint"], TABLE["rule_id"], "Custom-AvdImageUpdate")
