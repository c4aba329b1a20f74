"""README.md and docs/: what they mention is there."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import docs_from_code
import pytest

from emulator import control, faults, scenario
from hostpool.main import main as hostpool
from program.config_schema import SCHEMA
from rollout import audit, pool_record
from rollout.log_analytics import TABLE

PROJECT = Path(__file__).resolve().parents[2]
PAGES = [PROJECT / "README.md", *sorted((PROJECT / "docs").glob("*.md"))]
README = PAGES[0].read_text(encoding="utf-8")
INPUTS: dict[str, Any] = json.loads((PROJECT / "providers" / "schema.json").read_text(encoding="utf-8"))
TARGETS = set(re.findall(r"^([a-z-]+):", (PROJECT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))

every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


def text(name: str) -> str:
    return (PROJECT / "docs" / name).read_text(encoding="utf-8")


def code(page: str) -> list[str]:
    """Code spans, and the lines of code blocks without their comments."""
    blocks = re.findall(r"^```[a-z]*\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    lines = [line.split(" # ")[0].strip() for block in blocks for line in block.splitlines()]
    rest = re.sub(r"^```.*?^```", "", page, flags=re.MULTILINE | re.DOTALL)
    return [line for line in lines if line and not line.startswith("#")] + re.findall(r"`([^`\n]+)`", rest)


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def links(page: Path) -> Iterator[tuple[str, str]]:
    """(path, anchor) of the links that stay in the repository."""
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        if not target.startswith("https://"):
            path, _, anchor = target.partition("#")
            yield path, anchor


@every_page
def test_every_link_leads_somewhere(page: Path) -> None:
    for path, anchor in links(page):
        target = page.parent / path if path else page
        assert target.exists(), f"{page.name}: {path}"
        assert not anchor or anchor in anchors(target), f"{page.name}: {path}#{anchor}"


def test_the_pages_link_each_other() -> None:
    linked = {(PROJECT / path).resolve() for path, _ in links(PAGES[0])}
    assert set(PAGES[1:]) <= linked


@every_page
def test_every_hostpool_command_and_option_exists(page: Path) -> None:
    for line in code(page.read_text(encoding="utf-8")):
        for words in re.findall(r"(?<![\w/.-])hostpool ((?:--host-pool \S+ )?[a-z][^&|;]*)", line):
            rest = re.sub(r"^--host-pool \S+ ", "", words).split()
            command = hostpool.commands.get(rest[0])
            assert command is not None, f"{page.name}: hostpool {words}"
            if isinstance(command, click.Group) and len(rest) > 1:
                assert rest[1] in command.commands, f"{page.name}: hostpool {words}"
                command = command.commands[rest[1]]
            known = {option for parameter in command.params for option in parameter.opts}
            assert {word for word in rest if word.startswith("--")} <= known, f"{page.name}: hostpool {words}"


def test_every_subcommand_is_told() -> None:
    told = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
    assert [name for name in hostpool.commands if f"hostpool {name}" not in told] == []


@every_page
def test_every_make_target_exists(page: Path) -> None:
    for line in code(page.read_text(encoding="utf-8")):
        for target in re.findall(r"(?<!\w)make (?:-\w )?([a-z-]+)", line):
            assert target in TARGETS, f"{page.name}: make {target}"


def test_the_list_of_make_targets_is_whole() -> None:
    listed = re.search(r"lists all targets: (.*?)\. ", README, re.DOTALL)
    assert listed is not None
    assert set(re.findall(r"`([a-z-]+)`", listed[1])) == TARGETS - {"help"}


def test_every_key_of_the_readmes_configuration_exists() -> None:
    rows = re.search(r"^\| key \| what \|\n\|---\|---\|\n((?:\|.*\n)+)", README, re.MULTILINE)
    assert rows is not None
    keys = [key for row in rows[1].splitlines() for key in re.findall(r"`(\w+)`", row.split("|")[1])]
    assert keys and set(keys) <= set(SCHEMA["properties"])
    update_role = next(row for row in rows[1].splitlines() if row.startswith("| `update_role`"))
    named = set(re.findall(r"`(\w+)`", update_role.split("|")[2]))
    assert named and named <= set(SCHEMA["properties"]["update_role"]["properties"])
    rollout = next(row for row in rows[1].splitlines() if row.startswith("| `rollout`"))
    assert set(re.findall(r"`(\w+)`", rollout.split("|")[2])) <= set(INPUTS["properties"])


@every_page
def test_every_input_that_is_named_with_its_path_exists(page: Path) -> None:
    sections = {name for name, schema in INPUTS["properties"].items() if "properties" in schema}
    for span in code(page.read_text(encoding="utf-8")):
        match = re.fullmatch(r"(?:rollout\.)?(\w+)\.(\w+)(?:: .*)?", span)
        if match and match[1] in sections:
            assert match[2] in INPUTS["properties"][match[1]]["properties"], f"{page.name}: {span}"
        match = re.fullmatch(r"rollout\.(\w+)", span)
        if match:
            assert match[1] in INPUTS["properties"], f"{page.name}: {span}"


@every_page
def test_every_file_that_is_named_exists(page: Path) -> None:
    folders = "rollout|capture|cloud|providers|hostpool|components|program|emulator|demo|bench|tools|tests|docs|stacks"
    for span in code(page.read_text(encoding="utf-8")):
        for path in re.findall(rf"(?<![\w/.-])((?:{folders})/[\w/.-]*)", span):
            made_by_hand = path == "stacks/Pulumi.trial.yaml"
            assert made_by_hand or "<" in span or (PROJECT / path).exists(), f"{page.name}: {path}"


def test_every_test_that_is_named_exists() -> None:
    named = set(re.findall(r"`(test_\w+)`", text("reliability.md")))
    there = {
        name
        for path in (PROJECT / "tests").rglob("test_*.py")
        for name in re.findall(r"def (test_\w+)\(", path.read_text(encoding="utf-8"))
    }
    assert named and named <= there


def test_what_follows_from_the_code_is_up_to_date() -> None:
    stale = [path.name for path, made in docs_from_code.pages().items() if path.read_text(encoding="utf-8") != made]
    assert stale == [], "run: python tools/docs_from_code.py --write"


def test_every_call_of_the_control_api_is_told_and_exists() -> None:
    told = set(re.findall(r"`(GET|POST|DELETE) ([a-z-]+)", text("emulator.md")))
    assert told == {(method, path) for method, path in control._CALLS}


def test_every_scenario_and_fault_is_told() -> None:
    spans = set(re.findall(r"`([\w-]+)`", text("emulator.md")))
    assert {*scenario.SCENARIOS, *faults.EFFECTS, *faults.GUEST_FAULTS} <= spans


def test_the_example_of_faults_is_valid() -> None:
    body = re.search(r"/faults\" -d '(.*?)'\n", text("emulator.md"), re.DOTALL)
    assert body is not None
    rules = json.loads(body[1])["rules"]
    assert [faults._rule(number, rule).id for number, rule in enumerate(rules, 1)] == ["bad-image", "storm", "lost"]


@every_page
def test_no_page_names_a_place_of_one_machine(page: Path) -> None:
    assert re.findall(r"(?:^|[\s\"'`(=])/(?:root|home|work|tmp|srv|usr|opt)/", page.read_text(encoding="utf-8")) == []


def test_queries_name_columns_of_the_audit_log() -> None:
    queries = re.findall(r"^```kusto\n(.*?)^```", text("audit.md"), re.MULTILINE | re.DOTALL)
    assert len(queries) >= 5
    for query in queries:
        bare = re.sub(r'"[^"]*"', "", query)
        made = set(re.findall(r"(\w+) = ", bare)) | {"Finding"}
        named = set(re.findall(r"\b[A-Z]\w+", bare)) - {TABLE}
        assert named and named <= set(audit.schema()) | made, query
        assert set(re.findall(r'"([a-z_]+)"', query)) <= set(audit.EVENTS) | set(pool_record.State) | {"rollout_"}, (
            query
        )
