"""`hostpool comment`: what a pull request is told, from the JSON that the CLI 3.259 prints."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from hostpool.main import main
from hostpool.preview_comment import LIMIT, UNKNOWN, NoPreview, comment, read
from tests.support.observed import DEFINITION, POOL, SECRETS

PROJECT = "avd-hostpool-image-update"
UPDATE = f"urn:pulumi:prod::{PROJECT}::pulumi-python:dynamic/avd:HostPoolImageUpdate::image-update"
STACK = f"urn:pulumi:prod::{PROJECT}::pulumi:pulumi:Stack::{PROJECT}-prod"
INPUTS: dict[str, Any] = {
    "__provider": "gASV",
    "host_pool_id": POOL,
    "image": DEFINITION,
    "image_version_id": f"{DEFINITION}/versions/1.4.2",
    "local_admin": {"username_secret": f"{SECRETS}/name", "password_secret": f"{SECRETS}/password"},
    "max_unavailable": "10%",
    "canary": {"hosts": 1, "bake": "PT2H"},
    "plan": {
        "vm-10": "1.4.1 -> 1.4.2",
        "vm-2": "1.4.1 -> 1.4.2",
        "vm-3": "1.4.1 -> 1.4.2 (canary)",
        "vm-4": "1.4.0 -> 1.4.2 (kept disk)",
        "vmTemplate": "image 1.4.2",
        "cleanup": "2 disks",
    },
    "resource_urn": UPDATE,
    "state": "4 of 12 hosts need work; begins Sat 2026-01-17 22:00 UTC, about 3 h 10 min, 1 window",
    "version": "1.4.2",
}


def step(op: str = "update", urn: str = UPDATE, **inputs: Any) -> dict[str, Any]:
    return {"op": op, "urn": urn, "newState": {"urn": urn, "inputs": {**INPUTS, **inputs}}}


def told(severity: str, message: str, urn: str = UPDATE) -> dict[str, Any]:
    return {"severity": severity, "message": f"{severity}: {message}\n", **({"urn": urn} if urn else {})}


def preview(*steps: dict[str, Any], diagnostics: tuple[dict[str, Any], ...] = ()) -> str:
    same = {"op": "same", "urn": STACK, "newState": {"urn": STACK}}
    return json.dumps({"config": {}, "steps": [same, *steps], "diagnostics": diagnostics, "changeSummary": {"same": 9}})


def made(*steps: dict[str, Any], diagnostics: tuple[dict[str, Any], ...] = ()) -> list[str]:
    return comment(read(preview(*steps, diagnostics=diagnostics)), "https://ci/1").splitlines()


def hostpool(*arguments: str, stdin: str | None = None) -> Result:
    return CliRunner().invoke(main, ["comment", *arguments], input=stdin)


def test_it_says_for_each_pool_what_changes_when_and_how_long() -> None:
    lines = made(step())
    assert lines[:2] == [f"<!-- hostpool comment: {PROJECT}/prod -->", "### `prod`: 4 hosts would change"]
    [row] = [line for line in lines if line.startswith("| hp1 ")]
    assert [cell.strip() for cell in row.strip("|").split("|")] == [
        "hp1",
        "1.4.1 (3), 1.4.0 (1) → 1.4.2",
        "4 of 12",
        "first vm-3, alone, and bake 2 h 00 min; then those with the fewest sessions, 10% at a time",
        "about 3 h 10 min, if nobody has to be waited for",
        "begins Sat 2026-01-17 22:00 UTC, about 3 h 10 min, 1 window",
    ]
    assert "- `cleanup`: 2 disks" in lines and "- `vmTemplate`: image 1.4.2" in lines
    assert "- 1.4.1 -> 1.4.2: vm-2, vm-10" in lines, "numbers in names are numbers"
    assert "Pre-checks: nothing found." in lines
    assert lines[-1] == "[The run that made this](https://ci/1)"


def test_the_estimate_is_that_of_the_engine_whether_there_is_a_window_or_not() -> None:
    with_window, without = "\n".join(made(step())), "\n".join(made(step(state="4 of 12 hosts need work")))
    assert with_window.count("about 3 h 10 min") == 3 and without.count("about 3 h 10 min") == 1
    assert "| none declared |" in without


def test_findings_of_the_pre_checks_come_with_the_pool_errors_first() -> None:
    lines = made(
        step(),
        diagnostics=(
            told("warning", "floor: 9 of 12 serve; wait"),
            told("error", f"{UPDATE.split('::')[2]} resource 'image-update': property version value {{1.4.2}} has a "
                 "problem: version: '1.4.2' does not exist; use 1.4.1"),
            told("info", "not promoted: 1.4.3 is in test since 5 h, 43 h to go"),
            told("warning", "using pulumi-resource-azure-native from $PATH", urn=""),
            told("error", "preview failed", urn=""),
        ),
    )  # fmt: skip
    assert "### `prod`: the preview fails" in lines
    at = lines.index("Pre-checks: 1 error, 1 warning.")
    assert lines[at + 2 : at + 5] == [
        "- **error** version: '1.4.2' does not exist; use 1.4.1",
        "- **warning** floor: 9 of 12 serve; wait",
        "- **info** not promoted: 1.4.3 is in test since 5 h, 43 h to go",
    ]
    assert not any("PATH" in line or "preview failed" in line for line in lines)


def test_a_pool_that_stays_as_it_is_still_says_why_it_gets_no_version() -> None:
    lines = made(diagnostics=(told("info", "not promoted: 1.4.2 is in test since 5 h, 43 h to go"),))
    assert lines[1] == "### `prod`: no host would change"
    assert "- **info** not promoted: 1.4.2 is in test since 5 h, 43 h to go" in lines
    assert not any(line.startswith("|") for line in lines)


def test_what_cannot_be_known_is_said() -> None:
    lines = made(step("create", plan="unknown", version=UNKNOWN, image=UNKNOWN, state="not known yet: image, version"))
    assert lines[1] == "### `prod`: which hosts change is not known yet"
    assert "Pre-checks: not made yet." in lines
    assert any("which hosts need work (not known yet: image, version)" in line for line in lines)
    offline = made(step(state="Azure could not be asked: the plan is that of the last preview or run"))
    assert any(line.startswith("- how the pool stands now: Azure could not be asked") for line in offline)
    assert any("that is decided by the sessions" in line for line in made(step()))


def test_errors_of_the_program_and_other_resources_are_told() -> None:
    other = STACK.replace("pulumi:pulumi:Stack", "avd:index:ImageGallery$azure-native:compute:GalleryImageVersion")
    lines = made(step("create", other), diagnostics=(told("error", "the stack configuration is wrong", STACK),))
    assert "- **error** the stack configuration is wrong" in lines
    assert "<details><summary>Other resources: 1 to create</summary>" in lines
    assert f"- create azure-native:compute:GalleryImageVersion {PROJECT}-prod" in lines


def companion(kind: str, name: str, op: str = "update", **inputs: Any) -> dict[str, Any]:
    urn = f"urn:pulumi:prod::{PROJECT}::pulumi-python:dynamic/avd:{kind}::{name}"
    return {"op": op, "urn": urn, "newState": {"urn": urn, "inputs": inputs}}


def test_what_else_follows_the_image_is_told_by_its_plan() -> None:
    capture = companion("GoldenImageVersion", "golden-image", "replace", plan="capture 1.0.3 from golden, after office")
    plan = {f"web_{n}": "1.0.0 -> 1.0.3" for n in range(25)}
    roll = companion("ScaleSetImageUpgrade", "scale-set-web", plan=plan, state="25 of 25 need 1.0.3; Azure begins")
    policy = companion("BatchPoolUpgradePolicy", "encode", plan={"upgradePolicy.mode": "manual -> rolling"})
    lines = made(capture, roll, policy, diagnostics=(told("warning", "surge quota is small", policy["urn"]),))
    assert lines[1] == "### `prod`: 1 image version, 25 instances, 1 setting would change"
    assert "- **warning** surge quota is small" in lines
    assert "**golden-image** (GoldenImageVersion)" in lines and "- capture 1.0.3 from golden, after office" in lines
    assert "**scale-set-web** (ScaleSetImageUpgrade): 25 of 25 need 1.0.3; Azure begins" in lines
    assert "- `web_2`: 1.0.0 -> 1.0.3" in lines and "- and 5 more" in lines
    assert "- `upgradePolicy.mode`: manual -> rolling" in lines
    assert not any("Other resources" in line for line in lines)


def test_a_companion_without_a_plan_is_told_by_its_operation() -> None:
    lines = made(companion("ScaleSetImageUpgrade", "web", "delete"))
    assert lines[1] == "### `prod`: no host would change" and "- delete" in lines


def test_a_preview_that_fails_without_a_reason_says_where_it_is() -> None:
    lines = made(step(), diagnostics=(told("error", "preview failed", urn=""),))
    assert lines[1] == "### `prod`: the preview fails" and "a policy pack's violations are in the run's log" in lines[3]


@pytest.mark.parametrize(
    "plan",
    [
        {f"avd-finance-{n:03}": "1.4.1 -> 1.4.2" for n in range(1000)},
        {f"vm{n:013}": f"1.4.1 -> 1.4.2 (retry, rolled-back before: {n} {'x' * 200})" for n in range(1000)},
        {f"vm-{n}": f"{n}.0.0 -> 1001.0.0" for n in range(1000)},
    ],
    ids=["alike", "each with its reason", "each from another version"],
)
def test_a_thousand_hosts_fit(plan: dict[str, str]) -> None:
    findings = tuple(told("warning", f"finding {n}: {'y' * 3000}") for n in range(50))
    others = [step("create", f"{STACK}{n}{'z' * 500}") for n in range(100)]
    text = comment(read(preview(step(plan=plan, state="1000 of 1000 hosts need work"), *others, diagnostics=findings)))
    assert len(text) < LIMIT < 65_536
    assert text.count("<details>") == text.count("</details>") == 2
    named = sum(name in text for name in plan)
    assert f"- and {1000 - named} more" in text if named < 1000 else "hostpool plan" not in text
    assert named > 100


def test_all_of_a_thousand_hosts_alike_are_named() -> None:
    plan = {f"avd-finance-{n:03}": "1.4.1 -> 1.4.2" for n in range(1000)}
    text = comment(read(preview(step(plan=plan, state="1000 of 1000 hosts need work"))))
    assert all(name in text for name in plan) and len(text) < 25_000


def test_several_pools_share_the_room() -> None:
    plan = {f"vm{n:013}": f"1.4.1 -> 1.4.2 (retry, {n} {'x' * 200})" for n in range(1000)}
    other = POOL.replace("hp1", "hp2")
    text = comment(read(preview(step(plan=plan), step(urn=f"{UPDATE}-2", plan=plan, host_pool_id=other))))
    assert len(text) < LIMIT
    sections = text.split("<details>")[1:]
    assert [section.count("vm0") > 50 for section in sections] == [True, True]


def test_what_people_write_breaks_neither_table_nor_page_and_calls_nobody() -> None:
    text = comment(read(preview(step(state="paused by @ada | </details> <script>, 4 of 12 done"))))
    assert "<script>" not in text and "@ada" not in text
    assert "paused by @\u200bada \\| &lt;/details>" in text


@pytest.mark.parametrize("text", ["", "error: no stack selected", "{}", '{"stepz": 1', "[1, 2]"])
def test_what_is_no_preview_is_refused(text: str, tmp_path: Path) -> None:
    with pytest.raises(NoPreview):
        read(text)
    file = tmp_path / "preview.json"
    file.write_text(text)
    result = hostpool(str(file))
    assert result.exit_code == 2 and "is not what pulumi preview --json prints" in result.stderr


def test_it_reads_a_file_or_standard_input_and_needs_no_pool(tmp_path: Path) -> None:
    file = tmp_path / "preview.json"
    file.write_text(preview(step()))
    assert hostpool(str(file)).stdout == hostpool(stdin=preview(step())).stdout == comment(read(preview(step())))
    failed = hostpool("--stack", "test", stdin='{"diagnostics": [{"severity": "error", "message": "no such stack"}]}')
    assert failed.exit_code == 0 and "### `test`: the preview fails" in failed.stdout
