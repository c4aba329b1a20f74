#!/usr/bin/env python3
"""The parts of docs/ that follow from the code: the pre-checks, the custom role, phases, records and tags in
docs/architecture.md, columns and events in docs/audit.md, and the table that takes them, docs/log_analytics.json.

    python tools/docs_from_code.py            say what is not up to date; exit code 1 then
    python tools/docs_from_code.py --write    bring it up to date

Findings are read from the source, not collected from runs, so that none can be missing. docs/inputs.md has a maker of
its own, `python -m providers.docs`.
"""

from __future__ import annotations

import ast
import json
import re
import runpy
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parent.parent
SOURCES = PROJECT / "rollout" / "prechecks"
DOCS = PROJECT / "docs"

CONCERNS = (
    ("pool", "The pool and its load"),
    ("users", "Users, and hosts that somebody protects"),
    ("hosts", "The session hosts and their agents"),
    ("autoscale", "Scaling plans"),
    ("rights", "Rights of the updater"),
    ("locks", "Management locks"),
    ("image", "The image"),
    ("terms", "The image's purchase plan"),
    ("machines", "The hosts"),
    ("joining", "The directory"),
    ("directory", "Entra devices"),
    ("building", "Room for the temporary machines"),
    ("disks", "Room for the new disks"),
    ("secrets", "Key Vault secrets"),
    ("window", "The maintenance window"),
    ("budget", "Azure's limits"),
    ("logs", "Log Analytics"),
)
"""Modules in the order of the page, with their headings."""

HEAD = """# Pre-checks: every finding with its remedy

Made from `rollout/prechecks` by `python tools/docs_from_code.py --write`: change it there.

They run in `pulumi preview`, again at the start of `pulumi up` before anything is written (outside a maintenance window
too, before the update is scheduled), and whenever you like with `hostpool check`. An **error** means that nothing
begins; a **warning** is told and the update goes on. Both are in the preview, the report and the notifications.

`<words>` stand for what the run fills in. What an extension is takes a read of each host, so that `unknown-extension`,
`join-differs` and `computer-owner` may be found at the start and by `hostpool check` only. A right that is missing for
a pre-check itself is a warning: what it would have looked at could not be checked. Secrets that may not be read are a
warning in a preview, which may run with other rights than the update, and an error at its start; those of `notify` are
an error in a preview where they are of no use, and a warning at the start, since notifications never stop an update.
For `hostpool check` a lease that is held and a pause are errors: a run could not start a host now. Remedies that name
`az` commands were written from Azure's documentation and have not been run.
"""


GRADES = {"error": "error", "warning": "warning", "graded": "error or warning"}
"""The functions of `rollout/prechecks/findings.py` that make a finding, and how severe it is."""


@dataclass(frozen=True)
class Finding:
    """One call in the source."""

    id: str
    severity: str
    problem: str
    remedy: str


def findings(source: str) -> Iterator[Finding]:
    """The findings of one module's source, in its order."""
    body = ast.parse(source).body
    constants = _assigned(body)
    for function in body:
        if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        local = constants | _assigned(ast.walk(function))
        calls = [node for node in ast.walk(function) if isinstance(node, ast.Call) and _is_finding(node)]
        for call in sorted(calls, key=lambda call: call.lineno):
            assert isinstance(call.func, ast.Name)
            id_, _, problem, remedy = (text(argument, local) for argument in call.args[-4:])
            yield Finding(id_, GRADES[call.func.id], problem, remedy)


def _assigned(nodes: Iterable[ast.AST]) -> dict[str, ast.expr]:
    """What is assigned to names."""
    return {
        target.id: node.value
        for node in nodes
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }


def _is_finding(call: ast.Call) -> bool:
    return isinstance(call.func, ast.Name) and call.func.id in GRADES and len(call.args) >= 4


def text(node: ast.expr, local: Mapping[str, ast.expr]) -> str:
    """What an expression says, with `<name>` for what only a run knows."""
    match node:
        case ast.Constant(value=value):
            return str(value)
        case ast.JoinedStr(values=values):
            return "".join(text(value, local) for value in values)
        case ast.FormattedValue(value=value):
            return text(value, local)
        case ast.IfExp(body=body, orelse=orelse):
            return " / ".join(dict.fromkeys(filter(None, (text(body, local), text(orelse, local)))))
        case ast.BinOp(left=left, op=ast.Add(), right=right) if _is_text(left, local) or _is_text(right, local):
            return text(left, local) + text(right, local)
        case ast.Name(id=name) if name in local and _is_text(local[name], local):
            return text(local[name], local)
        case ast.Name(id=name):
            return f"<{name}>"
        case ast.Attribute(attr=name):
            return f"<{name}>"
        case ast.Call(args=[*_, _] as arguments):
            known = [argument for argument in arguments if not isinstance(argument, ast.Constant)]
            return text(known[-1], local) if known else f"<{text(arguments[0], local)}>"
        case ast.Subscript(value=ast.Name(id=name)):
            return f"<{name}>"
        case ast.GeneratorExp(elt=element):
            return text(element, local)
        case _:
            return "<n>"


def _is_text(node: ast.expr, local: Mapping[str, ast.expr]) -> bool:
    if isinstance(node, ast.IfExp):
        return _is_text(node.body, local) or _is_text(node.orelse, local)
    return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str))


def pre_checks() -> str:
    """docs/pre-checks.md."""
    parts = [HEAD]
    for module, heading in CONCERNS:
        parts.append(f"\n## {heading}\n")
        for row in findings((SOURCES / f"{module}.py").read_text(encoding="utf-8")):
            problem, remedy = _escaped(row.problem), _escaped(row.remedy)
            parts.append(f"\n**`{row.id}`** · {row.severity}: {problem}.<br>\n→ {remedy}.\n")
    return "".join(parts)


def _escaped(words: str) -> str:
    """For Markdown: what is in angle brackets is shown, not taken for HTML."""
    words = " ".join(words.split())
    return words.replace("<", "&lt;").replace(">", "&gt;").replace("*", "\\*").replace("|", "\\|")


# -- docs/rights.md

RIGHTS_HEAD = """# The updater's rights, one by one

Made from `components/update_role_actions.py` and `simulation/rights` by `python tools/docs_from_code.py --write`.

The custom role has a part for each **purpose**, which is assigned at the resource groups that hold it (pool, hosts,
temporary machines, network, images; the catalog at the subscription). `make rights` plays each scenario on the emulator
with all rights, and finds that the rights used are exactly those of the role. Then it takes away one right at one
purpose at a time: the pre-checks must tell that very action and its scope, and the scenario named here, run without
pre-checks, must meet the 403 that names it. What Azure itself checks is not known better than its documentation says:
the emulator takes the stricter guess where there is a doubt.

**Told by**: `missing-action` and the other ids are findings of the [pre-checks](pre-checks.md). *the look* is the 403
of the observation that every preview and every run begins with; nothing is written after it. Reads of the pre-checks
themselves are no condition: without them the update works, warns, and knows less beforehand.
"""

WHERE = {
    "pool": "the host pool's resource group",
    "hosts": "each resource group with session hosts",
    "build": "the resource group of the temporary machines; where none is declared, that of the hosts",
    "network": "the resource group of the subnets and of the hosts' network security group",
    "gallery": "the resource group of the gallery or the managed image",
    "catalog": "the subscription of the hosts",
}
BEYOND = """
## Beyond the role

What no action of a role gives; `make rights` takes the first two away as well.

| right | where | why | shown by | told by |
|---|---|---|---|---|
| data action `{secret}` | the key vault | {why} | {rollout} | `secret-forbidden` |
| `Device.ReadWrite.All` in Microsoft Graph | the tenant | {device} | {graph} | `graph-forbidden` |
| data action `{rows}` | the data collection rule | Send the rows of the audit log (`log_analytics`) | a test | \
`log-rights-missing`, a warning |
| `{key}` | disk encryption sets of the hosts | Make disks with the customer's key | a test | `encryption-set-rights` |

That Graph lets devices be *read* is asked beforehand, for the first host's name. An updater with Device.Read.All alone
passes that and is refused at its first host, which then goes on serving on its old disk.

The data collection rule is none of the pool's resources, and no update needs it: the roles Monitoring Metrics Publisher
and Reader are assigned there, [beside the custom role](audit.md#log-analytics). A disk encryption set lies beside its
key vault: where hosts have one, assign Reader there. What is told and refused without these is shown by
`tests/rollout/test_prechecks_emulated.py` and `tests/sinks/test_log_analytics.py`.
"""


def rights() -> str:
    """docs/rights.md."""
    from rollout.prechecks.actions import ENCRYPTION_SETS_READ, LOGS_WRITE
    from simulation.rights.scenarios import SCENARIOS
    from simulation.rights.verdict import scenario_of, told_by

    def shown(purpose: str, action: str) -> str:
        return f"**{scenario_of((purpose, action))}**"

    source = PROJECT / "components" / "update_role_actions.py"
    declared, why = runpy.run_path(str(source)), reasons(source.read_text(encoding="utf-8"))
    parts = [RIGHTS_HEAD]
    for purpose, actions in declared["ACTIONS"].items():
        if actions:
            parts.append(f"\n## {str(purpose).capitalize()}\n\nAt {WHERE[purpose]}.\n\n")
            parts.append("| action | why | shown by | told by |\n|---|---|---|---|\n")
            parts += [
                f"| `{action}` | {_escaped(why[action])} | {shown(purpose, action)} | {told_by((purpose, action))} |\n"
                for action in actions
            ]
    secret = declared["DATA_ACTIONS"]["secrets"][0]
    graph = shown("graph", "Device.ReadWrite.All")
    beyond = {"secret": secret, "why": _escaped(why[secret]), "rollout": shown("secrets", secret), "graph": graph}
    beyond |= {"rows": LOGS_WRITE, "key": ENCRYPTION_SETS_READ}
    parts.append(BEYOND.format(device="Delete the device that a host leaves (`device_cleanup: graph`)", **beyond))
    parts.append("\n## Scenarios\n\n| scenario | what the updater does |\n|---|---|\n")
    parts += [f"| **{name}** | {_escaped(scenario.says)} |\n" for name, scenario in SCENARIOS.items()]
    return "".join([*parts, capture_rights(), scale_set_rights(), batch_rights(), upgrade_rights()])


CAPTURES_HEAD = """
## Captures

What [capturing image versions](images.md) needs beside; made from `components/capture_role_actions.py`. The role has it
where `ImageUpdateRole` is given `captures`; subnets and secrets are those of the tables above. A missing action is an
error of the preview that names it and its scope. `tests/capture/test_rights.py` shows on the emulator that captures use
exactly these, and that each that is missing is told.
"""
CAPTURES_AT = {
    "golden": "the golden VM's resource group, with its disk, snapshots and interface",
    "clone": "the resource group of the clone; where none is declared, the golden VM's",
    "versions": "the gallery's resource group",
    "retention": "the subscriptions that `retention` looks through, where that is declared",
}


def capture_rights() -> str:
    """The part of docs/rights.md about captures."""
    source = PROJECT / "components" / "capture_role_actions.py"
    declared = runpy.run_path(str(source))
    parts = [CAPTURES_HEAD]
    for purpose in CAPTURES_AT:
        why = _reasons_of(source, purpose.upper())
        parts.append(f"\nAt {CAPTURES_AT[purpose]}:\n\n| action | why |\n|---|---|\n")
        for action in declared["CAPTURE_ACTIONS"][purpose]:
            parts.append(f"| `{action}` | {_escaped(why.get(action, CHECKED_BEFORE))} |\n")
    return "".join(parts)


SCALE_SETS_HEAD = """
## Scale sets

What [declaring the OS upgrades of scale sets](scale-sets.md) needs; made from `components/scale_set_role_actions.py`.
`ScaleSetUpgradeRole` makes it. A missing action is an error of the preview that names it and its scope; without those
of the rules less is checked, which is told. `tests/os_upgrades/test_rights.py` shows on the emulator that exactly these
are used, and that each that is missing is told.
"""
SCALE_SETS_AT = {
    "scale-sets": "the scale sets' resource groups",
    "scale-set-images": "the galleries' resource groups",
    "scale-set-network": "the resource groups of their subnets and load balancers",
    "scale-set-vaults": "the resource groups of the key vaults that their models refer to",
    "scale-set-catalog": "the subscription",
}


def scale_set_rights() -> str:
    """The part of docs/rights.md about scale sets."""
    source = PROJECT / "components" / "scale_set_role_actions.py"
    declared = runpy.run_path(str(source))
    parts = [SCALE_SETS_HEAD]
    for purpose in declared["ScaleSetPurpose"]:
        why = _reasons_of(source, purpose.name)
        parts.append(f"\nAt {SCALE_SETS_AT[purpose]}:\n\n| action | why |\n|---|---|\n")
        for action in declared["SCALE_SET_ACTIONS"][purpose]:
            parts.append(f"| `{action}` | {_escaped(why.get(action, CHECKED_BEFORE))} |\n")
    return "".join(parts)


BATCH_HEAD = """
## Batch pools

What [declaring the upgrade policy of Batch pools](batch-pools.md) needs; made from `components/batch_role_actions.py`.
`BatchUpgradeRole` makes it. `tests/os_upgrades/test_batch_rights.py` shows on the emulator that exactly these are used,
and what happens without each.
"""
BATCH_AT = {
    "account": "the account's resource group",
    "images": "the gallery's resource group",
    "subscription": "the subscription, for `register_feature`",
}


def batch_rights() -> str:
    """The part of docs/rights.md about Batch pools."""
    source = PROJECT / "components" / "batch_role_actions.py"
    declared = runpy.run_path(str(source))
    parts = [BATCH_HEAD]
    for purpose in declared["BatchPurpose"]:
        why = _reasons_of(source, purpose.name)
        parts.append(f"\nAt {BATCH_AT[purpose]}:\n\n| action | why |\n|---|---|\n")
        parts += [f"| `{action}` | {_escaped(why[action])} |\n" for action in declared["BATCH_ACTIONS"][purpose]]
    return "".join(parts)


UPGRADES_HEAD = """
## Instances and nodes on the latest image

What [`ScaleSetImageUpgrade` and `BatchPoolImageUpgrade`](scale-sets.md#bring-instances-to-the-latest-image) need; made
from `os_upgrades/upgrade_rights.py`. `ImageUpdateRole` makes it for what `targets` names, beside the right to read
versions of the image. `tests/os_upgrades/test_upgrade_rights.py` shows on the emulator that exactly these are used, and
that each that is missing is told before anything is begun.
"""


def upgrade_rights() -> str:
    """The part of docs/rights.md about instances and nodes on the latest image."""
    source = PROJECT / "os_upgrades" / "upgrade_rights.py"
    declared = runpy.run_path(str(source))
    parts = [UPGRADES_HEAD]
    for table, where in (("SCALE_SET", "scale sets'"), ("IMAGE", "galleries'"), ("BATCH_POOL", "Batch accounts'")):
        why = _reasons_of(source, table)
        parts.append(f"\nAt the {where} resource groups:\n\n| action | why |\n|---|---|\n")
        parts += [f"| `{action}` | {_escaped(why[action])} |\n" for action in declared[table]]
    return "".join(parts)


CHECKED_BEFORE = "Pre-check: which of these actions does the updater have here"


def _reasons_of(source: Path, table: str) -> dict[str, str]:
    """The reasons in one table of a file: an action may be in several, for another reason each."""
    text = source.read_text(encoding="utf-8")
    return reasons(text.partition(f"\n{table}: Actions = (")[2].partition("\n)")[0])


def reasons(source: str) -> dict[str, str]:
    """Action -> the comment above it."""
    found: dict[str, str] = {}
    comment: list[str] = []
    for line in map(str.strip, source.splitlines()):
        action = re.fullmatch(r'"(Microsoft\.[^"]+)",', line)
        if action:
            found[action[1]] = " ".join(comment).rstrip(".,")
        if line.startswith("# "):
            comment.append(line[2:])
        else:
            comment = []
    return found


# -- blocks of docs/architecture.md


def phase_diagram() -> str:
    """The transitions of `rollout.record.NEXT`."""
    from rollout.record import NEXT

    def named(phase: object) -> str:
        return str(phase).replace("-", "_") if phase is not None else "[*]"

    lines = ["```mermaid", "stateDiagram-v2"]
    lines += [f"    {named(a)} --> {named(b)}" for a in NEXT for b in sorted(NEXT[a], key=str)]
    return "\n".join([*lines, "```"])


def phase_table() -> str:
    """Each phase, what happens in it and what users notice: the words of `hostpool explain`."""
    from hostpool.explain import MEANINGS
    from rollout.record import NEXT, UNAVAILABLE, Phase

    lines = ["| phase | what happens | users | slot | next |", "|---|---|---|---|---|"]
    for phase in Phase:
        meaning = MEANINGS[phase]
        slot = "yes" if phase in UNAVAILABLE else "no"
        after = ", ".join(f"`{p}`" if p is not None else "at rest" for p in sorted(NEXT[phase], key=str))
        lines.append(f"| `{phase}` | {_escaped(meaning.what)} | {_escaped(meaning.users)} | {slot} | {after} |")
    return "\n".join(lines)


def capture_phase_table() -> str:
    """The phases of a capture, from the docstrings of `capture.record.Phase` and its transitions."""
    from capture.record import NEXT, Phase

    tree = ast.parse((PROJECT / "capture" / "record.py").read_text(encoding="utf-8"))
    [body] = [node.body for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "Phase"]
    said = {
        node.targets[0].id: " ".join(_docstring(after).split())
        for node, after in zip(body, [*body[1:], None], strict=True)
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    }
    lines = ["| phase | what happens | next |", "|---|---|---|"]
    for phase in Phase:
        after = ", ".join(f"`{each}`" if each else "at rest" for each in sorted(NEXT[phase], key=_place_of_phase))
        lines.append(f"| `{phase}` | {said[phase.name]} | {after} |")
    return "\n".join(lines)


def _place_of_phase(phase: str | None) -> int:
    from capture.record import Phase

    return list(Phase).index(Phase(phase)) if phase else -1


def record_table(module: str, name: str) -> str:
    """The fields of a record's class with their meanings."""
    tree = ast.parse((PROJECT / module).read_text(encoding="utf-8"))
    found = next(node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == name)
    lines = ["| key | meaning | left out when |", "|---|---|---|"]
    lines += [f"| `{key}` | {_escaped(says)} | {default} |" for key, says, default in _documented(found.body)]
    return "\n".join(lines)


def tag_table() -> str:
    """The names of all tags, from rollout/names.py."""
    tree = ast.parse((PROJECT / "rollout" / "names.py").read_text(encoding="utf-8"))
    lines = ["| constant | tag | meaning |", "|---|---|---|"]
    for node, after in zip(tree.body, [*tree.body[1:], None], strict=True):
        if (
            isinstance(node, ast.Assign)
            and isinstance(node.targets[0], ast.Name)
            and isinstance(node.value, ast.Constant)
        ):
            constant, tag = node.targets[0].id, str(node.value.value)
            says = _docstring(after)
            if constant != "OURS":  # a prefix of the others
                lines.append(f"| {constant} | `{tag}{'...' if tag.endswith('-') else ''}` | {_escaped(says)} |")
    return "\n".join(lines)


def _documented(body: list[ast.stmt]) -> Iterator[tuple[str, str, str]]:
    """(name, docstring, default) of annotated fields."""
    for node, after in zip(body, [*body[1:], None], strict=True):
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            default = f"`{ast.unparse(node.value)}`" if node.value is not None else "never"
            yield node.target.id, _docstring(after), default


def _docstring(node: ast.stmt | None) -> str:
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
        return node.value.value
    return ""


def architecture(page: str) -> str:
    """docs/architecture.md with its blocks anew."""
    blocks = {
        "phase diagram": phase_diagram(),
        "phases": phase_table(),
        "host record": record_table("rollout/record.py", "HostRecord"),
        "rollout record": record_table("rollout/pool_record.py", "RolloutRecord"),
        "tags": tag_table(),
    }
    return with_blocks(page, blocks)


def with_blocks(page: str, blocks: Mapping[str, str]) -> str:
    """The page with its blocks anew: what is between `<!-- made: name -->` and `<!-- end -->`."""

    def made(match: re.Match[str]) -> str:
        return f"<!-- made: {match[1]} -->\n\n{blocks[match[1]]}\n\n<!-- end -->"

    return re.sub(r"<!-- made: ([a-z ]+) -->.*?<!-- end -->", made, page, flags=re.DOTALL)


# -- docs/scale-sets.md


def scale_set_rules() -> str:
    """The rules for scale sets that roll OS upgrades."""
    from os_upgrades.scale_set_rules import RULES

    return _rules(RULES)


def batch_pool_rules() -> str:
    """The rules for Batch pools that roll OS upgrades."""
    from os_upgrades.batch_pool_rules import RULES

    return _rules(RULES)


def _rules(rules: Sequence[Any]) -> str:
    from os_upgrades.sources import address

    lines = ["| rule | what must hold | else | source |", "|---|---|---|---|"]
    for rule in rules:
        lines.append(f"| `{rule.id}` | {_escaped(rule.says)} | {rule.severity} | <{address(rule.source)}> |")
    return "\n".join(lines)


def upgrade_errors() -> str:
    """Azure's error codes of rolling OS upgrades."""
    from os_upgrades.remedies import REMEDIES
    from os_upgrades.sources import address

    lines = ["| code | it means | do |", "|---|---|---|"]
    for each in REMEDIES:
        lines.append(f"| [`{each.code}`]({address(each.source)}) | {_escaped(each.means)} | {_escaped(each.do)} |")
    return "\n".join(lines)


# -- the audit log


def column_table() -> str:
    """The columns of the audit log with their types and meanings."""
    from rollout.audit import column, schema

    tree = ast.parse((PROJECT / "rollout" / "audit.py").read_text(encoding="utf-8"))
    found = next(node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "Row")
    kinds = schema()
    lines = ["| column | type | meaning |", "|---|---|---|"]
    lines += [f"| `{column(key)}` | {kinds[column(key)]} | {_escaped(s)} |" for key, s, _ in _documented(found.body)]
    return "\n".join(lines)


def event_table() -> str:
    """The events of the audit log."""
    from rollout.audit import EVENTS

    lines = ["| `Event` | when |", "|---|---|"]
    return "\n".join(lines + [f"| `{name}` | {_escaped(says)} |" for name, says in EVENTS.items()])


def log_analytics_template() -> str:
    """docs/log_analytics.json: the table, the data collection rule and the right to send to it, as an ARM template."""
    from rollout.audit import schema
    from rollout.log_analytics import DEFAULT_STREAM, TABLE

    columns = [{"name": name, "type": kind} for name, kind in schema().items()]
    rule = "resourceId('Microsoft.Insights/dataCollectionRules', parameters('ruleName'))"
    table = f"'{TABLE}'"
    workspace = "'Microsoft.OperationalInsights/workspaces"
    roles = (
        "3913510d-42f4-4e42-8a64-420c390055eb",  # Monitoring Metrics Publisher
        "acdd72a7-3385-48ef-bd42-f606fba81ae7",  # Reader: the pre-check reads the updater's own rights
    )
    definitions = "'Microsoft.Authorization/roleDefinitions'"
    described = {
        "workspaceName": ("string", None, "Log Analytics workspace in this resource group."),
        "updaterPrincipalId": ("string", None, "Object id of the updater's service principal, which may send rows."),
        "ruleName": ("string", "avd-image-update", "Name of the data collection rule."),
        "location": ("string", "[resourceGroup().location]", "Region of the workspace."),
        "retentionInDays": ("int", 365, "Days for which rows are kept, 4 to 730."),
    }
    template = {
        "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
        "contentVersion": "1.0.0.0",
        "parameters": {
            name: {"type": kind, **({"defaultValue": value} if value else {}), "metadata": {"description": says}}
            for name, (kind, value, says) in described.items()
        },
        "resources": [
            {
                "type": "Microsoft.OperationalInsights/workspaces/tables",
                "apiVersion": "2023-09-01",
                "name": f"[format('{{0}}/{{1}}', parameters('workspaceName'), {table})]",
                "properties": {
                    "plan": "Analytics",
                    "retentionInDays": "[parameters('retentionInDays')]",
                    "schema": {"name": TABLE, "columns": [{"name": "TimeGenerated", "type": "datetime"}, *columns]},
                },
            },
            {
                "type": "Microsoft.Insights/dataCollectionRules",
                "apiVersion": "2023-03-11",
                "name": "[parameters('ruleName')]",
                "location": "[parameters('location')]",
                "kind": "Direct",
                "dependsOn": [f"[resourceId({workspace}/tables', parameters('workspaceName'), {table})]"],
                "properties": {
                    "streamDeclarations": {DEFAULT_STREAM: {"columns": columns}},
                    "destinations": {
                        "logAnalytics": [
                            {
                                "name": "workspace",
                                "workspaceResourceId": f"[resourceId({workspace}', parameters('workspaceName'))]",
                            }
                        ]
                    },
                    "dataFlows": [
                        {
                            "streams": [DEFAULT_STREAM],
                            "destinations": ["workspace"],
                            "transformKql": "source | extend TimeGenerated = Time",
                            "outputStream": f"Custom-{TABLE}",
                        }
                    ],
                },
            },
            *(
                {
                    "type": "Microsoft.Authorization/roleAssignments",
                    "apiVersion": "2022-04-01",
                    "name": f"[guid({rule}, parameters('updaterPrincipalId'), '{role}')]",
                    "scope": f"[{rule}]",
                    "dependsOn": [f"[{rule}]"],
                    "properties": {
                        "roleDefinitionId": f"[subscriptionResourceId({definitions}, '{role}')]",
                        "principalId": "[parameters('updaterPrincipalId')]",
                        "principalType": "ServicePrincipal",
                    },
                }
                for role in roles
            ),
        ],
        "outputs": {
            "endpoint": {"type": "string", "value": f"[reference({rule}, '2023-03-11').endpoints.logsIngestion]"},
            "rule_id": {"type": "string", "value": f"[reference({rule}, '2023-03-11').immutableId]"},
            "resource_id": {"type": "string", "value": f"[{rule}]"},
        },
    }
    return json.dumps(template, indent=2) + "\n"


def pages() -> dict[Path, str]:
    """What the files should hold."""
    drawn = DOCS / "architecture.md"
    audit, images, scale_sets = DOCS / "audit.md", DOCS / "images.md", DOCS / "scale-sets.md"
    batch_pools = DOCS / "batch-pools.md"
    return {
        DOCS / "pre-checks.md": pre_checks(),
        DOCS / "rights.md": rights(),
        DOCS / "log_analytics.json": log_analytics_template(),
        drawn: architecture(drawn.read_text(encoding="utf-8")),
        images: with_blocks(images.read_text(encoding="utf-8"), {"capture phases": capture_phase_table()}),
        scale_sets: with_blocks(
            scale_sets.read_text(encoding="utf-8"),
            {"scale set rules": scale_set_rules(), "upgrade errors": upgrade_errors()},
        ),
        batch_pools: with_blocks(batch_pools.read_text(encoding="utf-8"), {"batch pool rules": batch_pool_rules()}),
        audit: with_blocks(audit.read_text(encoding="utf-8"), {"columns": column_table(), "events": event_table()}),
    }


def main() -> int:
    stale = [path for path, text in pages().items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    for path in stale:
        if sys.argv[1:] == ["--write"]:
            path.write_text(pages()[path], encoding="utf-8")
        else:
            print(f"{path.relative_to(PROJECT)} is not up to date: python tools/docs_from_code.py --write")
    return 1 if stale and sys.argv[1:] != ["--write"] else 0


if __name__ == "__main__":
    sys.path.insert(0, str(PROJECT))
    sys.exit(main())
