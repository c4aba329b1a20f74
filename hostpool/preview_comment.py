"""A pull request's comment, made from the JSON of `pulumi preview --json`: what happens to which pool, and what nobody
can know beforehand. Pure: text in, Markdown out.

The JSON has `steps` (op, urn, oldState and newState with their inputs; what stays the same is left out), `diagnostics`
(severity, message, and the urn of the resource they are about) and `changeSummary`. Seen with the CLI 3.259.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from hostpool.comment_companions import Companion, counted, section, type_of
from hostpool.wording import duration, many
from rollout.declaration import Declaration, parse
from rollout.errors import InvalidDeclaration
from rollout.observation import natural
from rollout.schedule import estimate

TYPE = "HostPoolImageUpdate"
LIMIT = 60_000
"""Characters of a comment: GitHub takes 65,536, and counts what it adds itself."""
UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
"""What Pulumi puts in the place of a value that a resource has yet to produce (its sdk/go/common/resource/plugin)."""
OFFLINE = "Azure could not be asked"
"""In the state of a plan that is that of an earlier preview."""
FAILED = "preview failed"
"""The CLI's last error, whatever went wrong."""
NO_REASON = "the preview failed, and its JSON does not say why: a policy pack's violations are in the run's log only"
UNCHANGED = ("same", "read", "refresh")
"""Operations of steps that change nothing."""
FINDINGS = 20
"""Findings of one resource that are shown."""
NO_HOSTS = ("cleanup", "vmTemplate", "rollout")
"""Keys of a plan that are no hosts."""
_STEP = re.compile(r"(?P<before>\S+) -> (?P<after>\S+)(?: \((?P<notes>.*)\))?")
_FROM_ENGINE = re.compile(r"^\S+ resource '[^']*'(?:: property .*? has a problem)?: ")
"""What the engine puts before the reason that a provider gives."""
_OF = re.compile(r"\d+ of (\d+) ")


class NoPreview(ValueError):
    """The text is not what `pulumi preview --json` prints."""


@dataclass(frozen=True)
class Finding:
    severity: str
    text: str


@dataclass(frozen=True)
class Change:
    """What the preview says of one pool."""

    op: str
    inputs: Mapping[str, Any]
    findings: tuple[Finding, ...]

    @property
    def pool(self) -> str:
        pool_id = str(self.inputs.get("host_pool_id") or "")
        return "a pool yet to be made" if pool_id == UNKNOWN else pool_id.rstrip("/").rsplit("/", 1)[-1]

    @property
    def plan(self) -> Mapping[str, str]:
        plan = self.inputs.get("plan")
        return {str(name): str(text) for name, text in plan.items()} if isinstance(plan, Mapping) else {}

    @property
    def hosts(self) -> dict[str, str]:
        """Host -> what is to be done with it, by name."""
        hosts = [name for name in self.plan if name not in NO_HOSTS]
        return {name: self.plan[name] for name in sorted(hosts, key=natural)}

    @property
    def state(self) -> str:
        return str(self.inputs.get("state") or "")

    @property
    def known(self) -> bool:
        return isinstance(self.inputs.get("plan"), Mapping)

    @property
    def declaration(self) -> Declaration | None:
        """The declared inputs; None where they hold what is not known yet."""
        names = {field.name for field in fields(Declaration)}
        try:
            return parse({name: value for name, value in self.inputs.items() if name in names})
        except (InvalidDeclaration, KeyError, TypeError, ValueError, AttributeError):
            return None


@dataclass(frozen=True)
class Preview:
    """What `pulumi preview --json` said of one stack."""

    project: str
    stack: str
    changes: tuple[Change, ...]
    elsewhere: tuple[Finding, ...]
    """What is told of no pool's update: errors of the program, say."""
    companions: tuple[Companion, ...]
    """What changes of this project's other resources."""
    others: tuple[tuple[str, str], ...]
    """(operation, type and name) of the rest that changes."""

    @property
    def failed(self) -> bool:
        found = [*self.elsewhere, *(finding for change in self.changes for finding in change.findings)]
        return any(finding.severity == "error" for finding in found)


def read(text: str, stack: str = "") -> Preview:
    """The preview of the text; `stack` where it names none. Raises NoPreview."""
    begin = text.find("{")
    try:
        data, _ = json.JSONDecoder().raw_decode(text, begin) if begin >= 0 else ({}, 0)
    except ValueError as error:
        raise NoPreview(f"it is no JSON: {error}") from None
    if not isinstance(data, Mapping) or not {"steps", "diagnostics", "changeSummary"} & data.keys():
        raise NoPreview("it has neither steps nor diagnostics; make it with: pulumi preview --json > preview.json")
    steps = [step for step in data.get("steps") or () if isinstance(step, Mapping) and step.get("urn")]
    findings = _by_urn([one for one in data.get("diagnostics") or () if isinstance(one, Mapping)])
    ours = {str(step["urn"]): step for step in steps if _is_update(str(step["urn"])) and step.get("op") != "same"}
    updates = dict.fromkeys([*ours, *(urn for urn in findings if _is_update(urn))])
    beside = [step for step in steps if type_of(str(step["urn"])) and step.get("op") not in UNCHANGED]
    names = [urn.split("::") for urn in [*(str(step["urn"]) for step in steps), *findings] if urn.count("::") > 2]
    return Preview(
        project=names[0][1] if names else "",
        stack=stack or (names[0][0].rsplit(":", 1)[-1] if names else ""),
        changes=tuple(_change(ours.get(urn), findings.get(urn, ())) for urn in updates),
        elsewhere=tuple(one for urn, found in findings.items() if not _is_update(urn) for one in found),
        companions=tuple(
            Companion(str(step["op"]), type_of(str(step["urn"])), str(step["urn"]).rsplit("::", 1)[-1], _inputs(step))
            for step in beside
        ),
        others=tuple(
            (str(step["op"]), " ".join(str(step["urn"]).split("::")[-2:]).rpartition("$")[2])
            for step in steps
            if step.get("op") not in UNCHANGED and str(step["urn"]) not in updates and step not in beside
        ),
    )


def _change(step: Mapping[str, Any] | None, findings: Sequence[Finding]) -> Change:
    """A resource that is only told about, and does not change, has no step."""
    step = step or {"op": "same"}
    return Change(str(step["op"]), _inputs(step), tuple(findings))


def _inputs(step: Mapping[str, Any]) -> Mapping[str, Any]:
    state = step.get("newState") or step.get("oldState") or {}
    return state.get("inputs") or {}


def _is_update(urn: str) -> bool:
    return urn.split("::")[-2:][0].endswith(f":{TYPE}")


def _by_urn(diagnostics: Iterable[Mapping[str, Any]]) -> dict[str, tuple[Finding, ...]]:
    """Findings by the resource that they are about; of what is about none, errors only: the rest is the CLI's own."""
    found: dict[str, tuple[Finding, ...]] = {}
    for one in diagnostics:
        urn, severity = str(one.get("urn") or ""), str(one.get("severity") or "")
        text = " ".join(re.sub(r"\x1b\[[0-9;]*m|<\{%[^%]*%\}>", "", str(one.get("message") or "")).split())
        text = _FROM_ENGINE.sub("", text.removeprefix(f"{severity}: "))
        wanted = (
            ("error", "warning", "info") if _is_update(urn) else ("error", "warning") if type_of(urn) else ("error",)
        )
        if text and severity in wanted:
            found[urn] = (*found.get(urn, ()), Finding(severity, text))
    errors = sum(finding.severity == "error" for told in found.values() for finding in told)
    reason = (Finding("error", NO_REASON),) if errors == 1 else ()
    for urn, told in list(found.items()):
        if told[-1].text == FAILED:
            found[urn] = (*told[:-1], *reason)
    return {urn: told for urn, told in found.items() if told}


def _wanted(urn: str) -> tuple[str, ...]:
    """Severities of the findings that are told of a resource."""
    if _is_update(urn):
        return ("error", "warning", "info")
    return ("error", "warning") if type_of(urn) else ("error",)


# -- Markdown


def marker(preview: Preview) -> str:
    """The comment's first line, by which the next run finds it again: one comment for each stack."""
    return f"<!-- hostpool comment: {preview.project}/{preview.stack} -->"


def comment(preview: Preview, url: str = "") -> str:
    """The whole comment, `LIMIT` characters at most; `url` is that of the run that made it."""
    head = [marker(preview), f"### `{preview.stack or 'stack'}`: {_headline(preview)}", ""]
    if preview.elsewhere:
        head += [*_listed(preview.elsewhere), ""]
    for companion in preview.companions:
        head += [_cut(_cell(line), 1000) for line in section(companion)]
    foot = _others(preview.others)
    foot += ["", f"[The run that made this]({url})"] if url else []
    room = LIMIT - sum(len(line) + 1 for line in [*head, *foot])
    body: list[str] = []
    for number, change in enumerate(preview.changes):
        share = (room - sum(len(line) + 1 for line in body)) // (len(preview.changes) - number)
        body += _section(change, share)
    return "\n".join([*head, *body, *foot]).rstrip() + "\n"


def _headline(preview: Preview) -> str:
    if preview.failed:
        return "the preview fails"
    hosts = sum(len(change.hosts) for change in preview.changes)
    changing = [*([many(hosts, "host")] if hosts else []), *counted(preview.companions)]
    if changing:
        return f"{', '.join(changing)} would change"
    if any(not change.known and change.op != "same" for change in preview.changes):
        return "which hosts change is not known yet"
    return "no host would change"


def _section(change: Change, room: int) -> list[str]:
    if change.op == "same" and not change.inputs:
        return [*_listed(change.findings), ""]
    lines = [*_table(change), "", *_pre_checks(change), "", *_unknowns(change), ""]
    left = room - sum(len(line) + 1 for line in lines)
    return [*lines, *_hosts(change, left)]


def _table(change: Change) -> list[str]:
    declared, hosts = change.declaration, change.hosts
    found = _OF.search(change.state)
    pool = int(found[1]) if found else len(hosts)
    window = next((part for part in change.state.split("; ") if part.startswith(("begins ", "no window"))), "")
    cells = {
        "pool": change.pool,
        "version": _versions(hosts, change),
        "hosts": f"{len(hosts)} of {pool}" if found else str(len(hosts)) if change.known else "not known yet",
        "order": _order(declared, hosts),
        "estimate": _estimate(declared, len(hosts), pool),
        "window": window or ("emergency: none is waited for" if declared and declared.emergency else "none declared"),
    }
    table = [f"| {' | '.join(cells)} |", f"|{'---|' * len(cells)}", f"| {' | '.join(map(_cell, cells.values()))} |"]
    more = [f"- `{name}`: {_cell(change.plan[name])}" for name in NO_HOSTS if name in change.plan]
    return [*table, "", f"State: {_cell(change.state)}", *more]


def _versions(hosts: Mapping[str, str], change: Change) -> str:
    """`1.0.0 (38), 1.0.1 (2) -> 1.0.2`."""
    steps = [found for text in hosts.values() if (found := _STEP.fullmatch(text))]
    if not steps:
        version = str(change.inputs.get("version") or "")
        return "not known yet" if version == UNKNOWN else version
    before = Counter(step["before"] for step in steps)
    shown = [f"{version} ({count})" if len(before) > 1 else version for version, count in before.most_common(5)]
    after = ", ".join(dict.fromkeys(step["after"] for step in steps))
    return f"{', '.join(shown)}{', ...' if len(before) > 5 else ''} → {after}"


def _order(declared: Declaration | None, hosts: Mapping[str, str]) -> str:
    if declared is None or not hosts:
        return "–"
    canary = [name for name, text in hosts.items() if text.endswith("(canary)")]
    bake = f", alone, and bake {duration(declared.canary.bake)}" if canary else ""
    first = f"first {_some(canary, 3)}{bake}; then " if canary else ""
    return f"{first}those with the fewest sessions, {declared.max_unavailable} at a time"


def _estimate(declared: Declaration | None, hosts: int, pool: int) -> str:
    """By the engine's own figures, from the beginning on."""
    if declared is None or not hosts:
        return "–"
    took = estimate(_without_window(declared), hosts, pool, 0.0)
    return f"about {duration(took.ends - took.begins)}, if nobody has to be waited for"


def _without_window(declared: Declaration) -> Declaration:
    given = {field.name: getattr(declared, field.name) for field in fields(Declaration)}
    return Declaration(**{**given, "window": None, "start_at": None, "ready_by": None, "build_ahead": 0.0})


def _pre_checks(change: Change) -> list[str]:
    counts = Counter(finding.severity for finding in change.findings)
    told = ", ".join(many(counts[name], name) for name in ("error", "warning") if counts[name]) or "nothing found"
    made = change.known and OFFLINE not in change.state
    return [f"Pre-checks: {told if made or counts['error'] else 'not made yet'}.", "", *_listed(change.findings)]


def _listed(findings: Sequence[Finding]) -> list[str]:
    """Errors first."""
    ordered = sorted(findings, key=lambda finding: ("error", "warning", "info").index(finding.severity))
    lines = [f"- **{finding.severity}** {_cut(_cell(finding.text), 1000)}" for finding in ordered[:FINDINGS]]
    more = [f"- and {len(findings) - FINDINGS} more"] if len(findings) > FINDINGS else []
    return [*lines, *more]


def _unknowns(change: Change) -> list[str]:
    """What the preview cannot say, and when it will be known."""
    unknown = []
    if not change.known:
        unknown.append(f"which hosts need work ({_cell(change.state)}): after the resources before it are made")
    if OFFLINE in change.state:
        unknown.append("how the pool stands now: Azure could not be asked, and the plan is an earlier one")
    if change.hosts:
        unknown += [
            "which host follows which: that is decided by the sessions there are when a slot falls free",
            "how long users stay, and so when it ends: a host waits for them until `drain.deadline`",
            "whether Azure has room to start each machine, and whether the image works on each host",
        ]
    return ["Cannot be known now:", "", *(f"- {line}" for line in unknown)] if unknown else []


def _hosts(change: Change, room: int) -> list[str]:
    """The hosts, those with the same change together, as many as there is room for."""
    groups: dict[str, list[str]] = {}
    for name, text in change.hosts.items():
        groups.setdefault(text, []).append(name)
    if not groups:
        return []
    total = len(change.hosts)
    lines = [f"<details><summary>{many(total, 'host')} of {change.pool}</summary>", ""]
    end = ["", "</details>", ""]
    rest = "- and {} more: `hostpool plan` lists them"
    left = room - sum(len(line) + 1 for line in [*lines, *end]) - len(rest) - 10
    shown = 0
    for text, names in sorted(groups.items(), key=lambda group: (not group[0].endswith("(canary)"), -len(group[1]))):
        line = f"- {_cut(_cell(text), 300)}: "
        fitting: list[str] = []
        for name in map(_cell, names):
            left -= len(name) + 2 + (len(line) + 1 if not fitting else 0)
            if left < 0:
                break
            fitting.append(name)
        shown += len(fitting)
        lines += [line + ", ".join(fitting)] if fitting else []
        if left < 0:
            break
    return [*lines, *([rest.format(total - shown)] if shown < total else []), *end]


def _others(others: Sequence[tuple[str, str]]) -> list[str]:
    if not others:
        return []
    counts = Counter(op for op, _ in others)
    told = ", ".join(f"{count} to {op}" for op, count in counts.items())
    lines = [f"- {op} {_cut(_cell(name), 200)}" for op, name in others[:FINDINGS]]
    more = [f"- and {len(others) - FINDINGS} more"] if len(others) > FINDINGS else []
    return [f"<details><summary>Other resources: {told}</summary>", "", *lines, *more, "", "</details>"]


def _cell(text: str) -> str:
    """Text that breaks neither a table nor the page, and calls nobody."""
    plain = " ".join(text.split()).replace("&", "&amp;").replace("<", "&lt;").replace("|", "\\|")
    return re.sub(r"(?<!\w)@(?=\w)", "@\u200b", plain)


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 3]}..."


def _some(names: Sequence[str], most: int) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
