"""`python -m providers.docs`: makes the docs of inputs and the typed arguments from the schemas, so that they agree.

docs/inputs.md and providers/args.py from schema.json, docs/golden-image-inputs.md and providers/golden_image_args.py
from golden_image_schema.json, docs/scale-set-inputs.md and providers/scale_set_args.py from scale_set_schema.json,
docs/scale-set-upgrade-inputs.md and providers/image_upgrade_args.py from image_upgrade_schema.json,
docs/batch-pool-inputs.md and providers/batch_pool_args.py from batch_pool_schema.json,
docs/batch-pool-upgrade-inputs.md and providers/batch_upgrade_args.py from batch_upgrade_schema.json.
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from providers.schema import (
    batch_pool_schema,
    batch_upgrade_schema,
    golden_image_schema,
    image_upgrade_schema,
    scale_set_schema,
    schema,
)

ROOT = Path(__file__).resolve().parent.parent
INPUTS_MD = ROOT / "docs" / "inputs.md"
ARGS_PY = ROOT / "providers" / "args.py"
GOLDEN_IMAGE_INPUTS_MD = ROOT / "docs" / "golden-image-inputs.md"
GOLDEN_IMAGE_ARGS_PY = ROOT / "providers" / "golden_image_args.py"
SCALE_SET_INPUTS_MD = ROOT / "docs" / "scale-set-inputs.md"
SCALE_SET_ARGS_PY = ROOT / "providers" / "scale_set_args.py"
IMAGE_UPGRADE_INPUTS_MD = ROOT / "docs" / "scale-set-upgrade-inputs.md"
IMAGE_UPGRADE_ARGS_PY = ROOT / "providers" / "image_upgrade_args.py"
BATCH_POOL_INPUTS_MD = ROOT / "docs" / "batch-pool-inputs.md"
BATCH_POOL_ARGS_PY = ROOT / "providers" / "batch_pool_args.py"
BATCH_UPGRADE_INPUTS_MD = ROOT / "docs" / "batch-pool-upgrade-inputs.md"
BATCH_UPGRADE_ARGS_PY = ROOT / "providers" / "batch_upgrade_args.py"
WIDTH = 120

_INTRODUCTION = """\
# Inputs and outputs of `HostPoolImageUpdate`

Made from `providers/schema.json` by `python -m providers.docs`: change it there.

```python
from providers.host_pool_image_update import HostPoolImageUpdate, HostPoolImageUpdateArgs

HostPoolImageUpdate("image-update", HostPoolImageUpdateArgs(host_pool_id=..., image=..., version="1.0.1", ...))
```

Durations are ISO 8601 (`PT10M`, `P3D`) or numbers of seconds. Amounts are numbers of hosts or percentages (`"10%"`).
A key that is not listed here is an error that names the nearest one. Passwords are never inputs: what names a secret is
the URI of a Key Vault secret, read at use by the updater.

"""

_OUTPUTS = """\
## Outputs

- `status`: `complete`, `complete_with_failures`, `paused`, `scheduled` (the maintenance window is closed), or `queued`
  (other rollouts of the subscription are at work, or no version is ready to be promoted). A run that was stopped
  (too many failures, or the process was ended) is an error of `pulumi up`, which keeps the outputs of the run before.
- `summary`: one line on how the run ended, such as `pool hp1: 12 of 12 hosts updated to 1.0.1`.
- `image_version_id`: id of the version that the hosts were brought to, `latest` or `promoted` resolved.
- `hosts`: names of the virtual machines by state: `updated`, `rolled_back` (serves on the old disk), `failed` (left
  drained), `gone` (deleted meanwhile), `left_out` (still in use at the deadline), `protected` (by a tag on the VM),
  `pending`, `other` (not in the run); `ghosts`: session hosts without a virtual machine.
- `images`: names of the virtual machines by the version they run, as last seen; `pulumi refresh` reads it anew.
- `attempt`: number of the attempt, counted from 1 for the pool.
- `report`: path of the run's event log on the machine that ran it; `hostpool report` draws it.
- `users`: people by what befell them in the run: `messaged`, `signed_out` (by themselves), `logged_off` and
  `disconnected_ended` (as declared), `came_back` (to a host that was being emptied), `moved_twice` (left a host that
  was emptied, and then another one), `cut_off` (the machine went from under the session, not by the rollout).
- `goes_on`: when the next maintenance window opens (ISO 8601, UTC), of a run that is `scheduled`, or `paused` by the
  end of a window; then `pulumi up` does not fail. Else empty.
- `waits_for`: what a `queued` run waits for, or a `paused` one that ended as declared: other rollouts, a version
  that is not ready to be promoted, `hostpool approve` of its canary, or that `stop_after` is removed; then `pulumi up`
  does not fail. Else empty.
- `history`: the pool's last three or four rollouts, the newest first, in the shape of a scale set's `osUpgradeHistory`.
- `plan` and `state`: as below, after the run.

Added to the inputs, and shown in a preview:

- `plan`: host -> `1.0.0 -> 1.0.1` of the hosts that need work; empty when there is nothing to do; `unknown` while an
  input is.
- `state`: one line on where the pool stands, such as `paused, 4 of 12 done`; with a maintenance window also when it
  begins, how long it takes, and in how many windows, if nobody has to be waited for; with `promote_from`
  why the other pool's version is not followed.
- `image_version_id`: id of the version that `version` names now.
"""


_GOLDEN_IMAGE_INTRODUCTION = """\
# Inputs and outputs of `GoldenImageVersion`

Made from `providers/golden_image_schema.json` by `python -m providers.docs`: change it there. What a capture does and
how to use it is in [images.md](images.md).

```python
from providers.golden_image_version import GoldenImageVersion, GoldenImageVersionArgs

GoldenImageVersion("win11", GoldenImageVersionArgs(source_vm_id=..., image=..., version="1.0.*", updates=[...]))
```

Durations are ISO 8601 (`PT10M`) or numbers of seconds. A key that is not listed here is an error that names the nearest
one.

"""

_GOLDEN_IMAGE_OUTPUTS = """\
## Outputs

- `status`: `complete`. A capture that failed is an error of `pulumi up`, with the guest's own words.
- `summary`: one line, such as `win11/1.0.2 captured in 21 min, replicated to westeurope, northeurope`.
- `version_id`: id of the version.
- `resolved_version`: the version, `x.y.*` resolved. Known in a preview: check() adds it to the inputs.
- `snapshots`: names of the golden VM's backups, in its resource group: before the updates, and after them.
- `update_log`: what each script said: `name`, `exit_code`, `seconds`, `output` (the last 4 KB of each stream). Scripts
  that a run had run which was killed are not in it.
- `replication`: region -> `Completed`, `Replicating` or `Failed`.
- `report`: path of the run's event log on the machine that ran it.
- `plan`: what the next `pulumi up` would do, added to the inputs and shown in a preview; empty for nothing.
"""


_SCALE_SET_INTRODUCTION = """\
# Inputs and outputs of `ScaleSetUpgradePolicy`

Made from `providers/scale_set_schema.json` by `python -m providers.docs`: change it there. What it does, and the rules
that a preview checks, are in [scale-sets.md](scale-sets.md).

```python
from providers.scale_set_upgrade_policy import ScaleSetUpgradePolicy, ScaleSetUpgradePolicyArgs

ScaleSetUpgradePolicy("web", ScaleSetUpgradePolicyArgs(scale_set_id=..., upgrade_policy=..., health=...))
```

Durations are ISO 8601 (`PT10M`) or numbers of seconds. A key that is not listed here is an error that names the nearest
one. What is not declared stays as it is in Azure.

"""

_SCALE_SET_OUTPUTS = """\
## Outputs

- `status`: `applied`. What could not be applied is an error of `pulumi up`, with Azure's own words.
- `summary`: one line, such as `scale set web: 3 settings changed, 5 of 5 instances have the latest model`.
- `settings`: the declared settings as they are in Azure, by their path below the scale set's `properties`, such as
  `upgradePolicy.mode`; `extensions.<name>` for the health extension. `pulumi refresh` reads them anew.
- `found`: what the same settings were before; `pulumi destroy` gives it back. A copy is in tags of the scale set.
- `instances`: `total`, and `behind`: ids of those that do not have the latest model.
- `warnings`: rules that are broken without harm to the declaration, and what could not be checked.
- `plan`: what the next `pulumi up` would change, by setting, added to the inputs and shown in a preview; empty for
  nothing, `unknown` while an input is.
"""


_IMAGE_UPGRADE_INTRODUCTION = """\
# Inputs and outputs of `ScaleSetImageUpgrade`

Made from `providers/image_upgrade_schema.json` by `python -m providers.docs`: change it there. What it does is in
[scale-sets.md](scale-sets.md#bring-instances-to-the-latest-image).

```python
from providers.scale_set_image_upgrade import ScaleSetImageUpgrade, ScaleSetImageUpgradeArgs

ScaleSetImageUpgrade("web", ScaleSetImageUpgradeArgs(scale_set_id=..., version="1.0.1"))
```

Durations are ISO 8601 (`PT10M`) or numbers of seconds. A key that is not listed here is an error that names the nearest
one.

"""

_IMAGE_UPGRADE_OUTPUTS = """\
## Outputs

- `status`: `complete`, `complete_with_failures` (the upgrade has ended, and Azure has left instances out) or `waiting`
  (for approvals). An upgrade that was stopped or cancelled is an error of `pulumi up`, with Azure's code, what it
  means, what to do, and each failed instance.
- `summary`: one line, such as `scale set web: 10 of 10 run 1.0.1`.
- `waits_for`: what a `waiting` run waits for; then `pulumi up` does not fail. Else empty.
- `image_version_id`: id of the version that the instances were brought to.
- `instances`: names of the instances by the version they run; `pulumi refresh` reads it anew.
- `failed`: instances with which something is wrong, and what Azure says of them.
- `upgrade`: the upgrade that was watched, or the last one, in the shape of an entry of `history`.
- `history`: Azure's `osUpgradeHistory`, the last five attempts within two months, the newest first.
- `report`: path of the run's event log on the machine that ran it; `hostpool report` draws it.
- `plan` and `state`: as below, after the run.

Added to the inputs, and shown in a preview:

- `plan`: instance -> `1.0.0 -> 1.0.1` of those that do not run the latest version; empty when there is nothing to do.
- `state`: one line on where the scale set stands, and who begins the upgrade.
"""


_BATCH_POOL_INTRODUCTION = """\
# Inputs and outputs of `BatchPoolUpgradePolicy`

Made from `providers/batch_pool_schema.json` by `python -m providers.docs`: change it there. What it does, and the rules
that a preview checks, are in [batch-pools.md](batch-pools.md).

```python
from providers.batch_pool_upgrade_policy import BatchPoolUpgradePolicy, BatchPoolUpgradePolicyArgs

BatchPoolUpgradePolicy("frames", BatchPoolUpgradePolicyArgs(pool_id=..., upgrade_policy=...))
```

Durations are ISO 8601 (`PT10M`) or numbers of seconds. A key that is not listed here is an error that names the nearest
one.

"""

_BATCH_POOL_OUTPUTS = """\
## Outputs

- `status`: `applied`. What could not be applied is an error of `pulumi up`, with Azure's own words.
- `summary`: one line, such as `pool frames: 3 settings changed`.
- `policy`: `upgradePolicy` of the pool as Azure has it. `pulumi refresh` reads it anew.
- `found`: what it was before; `pulumi destroy` gives it back. A copy is in the pool's metadata.
- `rolling_upgrade`: where the nodes stand, in the shape of a scale set's `rollingUpgrades/latest`: `runningStatus`,
  `progress`, and beside them `latest` (the version that latest stands for now), `versions` and `states` (nodes by
  each), `waitsFor` (nodes whose upgrade waits for their tasks), `errors`. `pulumi refresh` reads it anew.
- `warnings`: rules that are broken without harm to the declaration, and what could not be checked.
- `plan`: what the next `pulumi up` would change, added to the inputs and shown in a preview; empty for nothing,
  `unknown` while an input is.
"""


_BATCH_UPGRADE_INTRODUCTION = """\
# Inputs and outputs of `BatchPoolImageUpgrade`

Made from `providers/batch_upgrade_schema.json` by `python -m providers.docs`: change it there. What it does is in
[scale-sets.md](scale-sets.md#one-declaration-for-all).

```python
from providers.batch_pool_image_upgrade import BatchPoolImageUpgrade, BatchPoolImageUpgradeArgs

BatchPoolImageUpgrade("frames", BatchPoolImageUpgradeArgs(pool_id=..., version="1.0.1"))
```

Durations are ISO 8601 (`PT10M`) or numbers of seconds. A key that is not listed here is an error that names the nearest
one.

"""

_BATCH_UPGRADE_OUTPUTS = """\
## Outputs

They are those of [`ScaleSetImageUpgrade`](scale-set-upgrade-inputs.md#outputs), so that both can be read in one way:

- `status`: `complete`. What Azure does not bring to the image is an error of `pulumi up`, with nodes and remedy.
- `summary`: one line, such as `pool frames: 6 of 6 nodes run 1.0.1`.
- `image_version_id`: id of the version that the nodes were brought to.
- `nodes`: ids of the nodes by the version they run; `pulumi refresh` reads it anew.
- `failed`: nodes with which something is wrong, and what Batch says of them.
- `upgrade`: where the nodes stand, in the shape of a scale set's `rollingUpgrades/latest`.
- `report`: path of the run's event log on the machine that ran it; `hostpool report` draws it.
- `waits_for`, `history`: empty; Azure keeps no history of Batch pools.
- `plan` and `state`: as below, after the run.

Added to the inputs, and shown in a preview:

- `plan`: node -> `1.0.0 -> 1.0.1` of those that do not run the latest version; empty when there is nothing to do.
- `state`: one line on where the pool stands.
"""


def inputs_md() -> str:
    """The text of docs/inputs.md."""
    return _page(schema(), _INTRODUCTION, _OUTPUTS)


def golden_image_inputs_md() -> str:
    """The text of docs/golden-image-inputs.md."""
    return _page(golden_image_schema(), _GOLDEN_IMAGE_INTRODUCTION, _GOLDEN_IMAGE_OUTPUTS)


def scale_set_inputs_md() -> str:
    """The text of docs/scale-set-inputs.md."""
    return _page(scale_set_schema(), _SCALE_SET_INTRODUCTION, _SCALE_SET_OUTPUTS)


def image_upgrade_inputs_md() -> str:
    """The text of docs/scale-set-upgrade-inputs.md."""
    return _page(image_upgrade_schema(), _IMAGE_UPGRADE_INTRODUCTION, _IMAGE_UPGRADE_OUTPUTS)


def batch_pool_inputs_md() -> str:
    """The text of docs/batch-pool-inputs.md."""
    return _page(batch_pool_schema(), _BATCH_POOL_INTRODUCTION, _BATCH_POOL_OUTPUTS)


def batch_upgrade_inputs_md() -> str:
    """The text of docs/batch-pool-upgrade-inputs.md."""
    return _page(batch_upgrade_schema(), _BATCH_UPGRADE_INTRODUCTION, _BATCH_UPGRADE_OUTPUTS)


def _page(of: Mapping[str, Any], introduction: str, outputs: str) -> str:
    lines = [introduction + "## Inputs\n"]
    for name, prop in of["properties"].items():
        lines += _section(name, prop, name in of["required"], "###")
    return "\n".join(lines) + "\n" + outputs


def _section(name: str, prop: Mapping[str, Any], required: bool, level: str) -> Iterator[str]:
    yield f"{level} `{name}`\n"
    facts = [_kind(prop)]
    if required:
        facts.append("required")
    elif prop.get("default") is not None:
        facts.append(f"default `{_json(prop['default'])}`")
    yield " · ".join(facts) + "\n"
    yield prop["description"] + "\n"
    if prop.get("examples"):
        yield "Example: " + ", ".join(f"`{_json(example)}`" for example in prop["examples"]) + "\n"
    if prop.get("$comment"):
        yield f"Source: {prop['$comment']}\n"
    inner, prefix = _members(prop), f"{name}[]" if prop.get("type") == "array" else name
    for key, part in inner.get("properties", {}).items():
        yield from _section(f"{prefix}.{key}", part, key in inner.get("required", ()), level + "#")


def _members(prop: Mapping[str, Any]) -> Mapping[str, Any]:
    """The object that the property is, or is a list of."""
    inner: Mapping[str, Any] = prop.get("items", prop)
    return inner if inner.get("type") == "object" else {}


def _kind(prop: Mapping[str, Any]) -> str:
    if prop.get("format") == "duration":
        return "duration"
    if "enum" in prop:
        return " \\| ".join(f"`{value}`" for value in prop["enum"])
    if prop["type"] == "array":
        return f"list of {prop['items']['type']}s"
    kinds = prop["type"] if isinstance(prop["type"], list) else [prop["type"]]
    return " or ".join(kinds)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


# -- the typed arguments

_HEADER = '''\
"""The arguments of `%s`, typed. Made from %s by `python -m providers.docs`.

Defaults are those of the schema: None, like an argument that is left out, stands for them.
"""

from __future__ import annotations

%sfrom dataclasses import dataclass
%s
import pulumi
'''


def args_py() -> str:
    """The text of providers/args.py."""
    return _arguments("HostPoolImageUpdate", "schema.json", schema())


def golden_image_args_py() -> str:
    """The text of providers/golden_image_args.py."""
    return _arguments("GoldenImageVersion", "golden_image_schema.json", golden_image_schema())


def scale_set_args_py() -> str:
    """The text of providers/scale_set_args.py."""
    return _arguments("ScaleSetUpgradePolicy", "scale_set_schema.json", scale_set_schema())


def image_upgrade_args_py() -> str:
    """The text of providers/image_upgrade_args.py."""
    return _arguments("ScaleSetImageUpgrade", "image_upgrade_schema.json", image_upgrade_schema())


def batch_pool_args_py() -> str:
    """The text of providers/batch_pool_args.py."""
    return _arguments("BatchPoolUpgradePolicy", "batch_pool_schema.json", batch_pool_schema())


def batch_upgrade_args_py() -> str:
    """The text of providers/batch_upgrade_args.py."""
    return _arguments("BatchPoolImageUpgrade", "batch_upgrade_schema.json", batch_upgrade_schema())


def _arguments(resource: str, source: str, of: Mapping[str, Any]) -> str:
    text = "".join(f"\n\n{text}" for text in _classes(of, f"{resource}Args"))
    used = ", ".join(name for name in ("Mapping", "Sequence") if f"{name}[" in text)
    collections = f"from collections.abc import {used}\n" if used else ""
    return _HEADER % (resource, source, collections, "from typing import Any\n" if ", Any]" in text else "") + text


def _classes(of: Mapping[str, Any], name: str) -> Iterator[str]:
    for prop in of["properties"].values():
        inner = _members(prop)
        if "title" in inner:
            yield from _classes(inner, f"{inner['title']}Args")
    lines = ["@dataclass(kw_only=True)", f"class {name}:", *_docstring(of["description"])]
    required = set(of.get("required", ()))
    for key in sorted(of["properties"], key=lambda key: key not in required):
        prop = of["properties"][key]
        optional = "" if key in required else " | None = None"
        lines += ["", f"    {key}: pulumi.Input[{_annotation(prop)}]{optional}", *_docstring(_told(prop, not optional))]
    yield "\n".join(lines) + "\n"


def _annotation(prop: Mapping[str, Any]) -> str:
    if prop["type"] == "array":
        return f"Sequence[pulumi.Input[{_annotation(prop['items'])}]]"
    if prop["type"] == "object":
        if prop.get("additionalProperties") is True:
            return "Mapping[str, Any]"
        known = "title" in prop
        return f"{prop['title']}Args | Mapping[str, Any]" if known else "Mapping[str, pulumi.Input[str]]"
    names = {
        "string": "str",
        "number": "float",
        "boolean": "bool",
        "object": "Mapping[str, pulumi.Input[str]]",
        "array": "Sequence[pulumi.Input[str]]",
    }
    kinds = prop["type"] if isinstance(prop["type"], list) else [prop["type"]]
    return " | ".join(names[kind] for kind in kinds)


def _told(prop: Mapping[str, Any], required: bool) -> str:
    parts = [prop["description"]]
    if "enum" in prop:
        parts.append(f"One of {', '.join(prop['enum'])}.")
    if not required and prop.get("default") not in (None, ""):
        parts.append(f"Default: {_json(prop['default'])}.")
    if "$comment" in prop:
        parts.append(f"Source: {prop['$comment']}.")
    return " ".join(parts)


def _docstring(text: str) -> list[str]:
    one = f'    """{text}"""'
    if len(one) <= WIDTH:
        return [one]
    wrapped = textwrap.wrap(text, WIDTH - 4, initial_indent='"""', break_on_hyphens=False, break_long_words=False)
    return ["    " + line for line in [*wrapped, '"""']]


def main() -> None:
    INPUTS_MD.write_text(inputs_md(), encoding="utf-8")
    ARGS_PY.write_text(args_py(), encoding="utf-8")
    GOLDEN_IMAGE_INPUTS_MD.write_text(golden_image_inputs_md(), encoding="utf-8")
    GOLDEN_IMAGE_ARGS_PY.write_text(golden_image_args_py(), encoding="utf-8")
    SCALE_SET_INPUTS_MD.write_text(scale_set_inputs_md(), encoding="utf-8")
    SCALE_SET_ARGS_PY.write_text(scale_set_args_py(), encoding="utf-8")
    IMAGE_UPGRADE_INPUTS_MD.write_text(image_upgrade_inputs_md(), encoding="utf-8")
    IMAGE_UPGRADE_ARGS_PY.write_text(image_upgrade_args_py(), encoding="utf-8")
    BATCH_POOL_INPUTS_MD.write_text(batch_pool_inputs_md(), encoding="utf-8")
    BATCH_POOL_ARGS_PY.write_text(batch_pool_args_py(), encoding="utf-8")
    BATCH_UPGRADE_INPUTS_MD.write_text(batch_upgrade_inputs_md(), encoding="utf-8")
    BATCH_UPGRADE_ARGS_PY.write_text(batch_upgrade_args_py(), encoding="utf-8")


if __name__ == "__main__":
    main()
