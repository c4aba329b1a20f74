"""Whether the inputs can be used: first the JSON schema, then what a schema cannot say.

Numbers are floats here, whatever the program wrote, and a value that another resource has yet to produce is a
`pulumi.output.Unknown` in a preview: it is left alone, and so is every check that would need it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from pulumi.output import Unknown

from providers.schema import schema
from rollout.declaration import Declaration, parse
from rollout.errors import InvalidDeclaration, shown

if TYPE_CHECKING:
    from jsonschema import ValidationError

PLAN_INPUTS = frozenset(
    {
        "host_pool_id",
        "image",
        "version",
        "vm_size",
        "os_disk_type",
        "include",
        "exclude",
        "build_resource_group_id",
        "canary",
        "promote_from",
    }
)
"""Inputs without which there is no plan."""

_PLACEHOLDERS: Mapping[str, Any] = {
    "host_pool_id": "/subscriptions/_/resourceGroups/_/providers/Microsoft.DesktopVirtualization/hostPools/_",
    "promote_from": {
        "host_pool_id": "/subscriptions/_/resourceGroups/_/providers/Microsoft.DesktopVirtualization/hostPools/from"
    },
    "image": "unknown",
    "version": "unknown",
}
"""Stand in for unknown values that a declaration must have, so that the other inputs can be checked."""


SECRET = re.compile(r"pass|secret|token|key|url|credential", re.IGNORECASE)
"""Names of properties, known or not, whose value is not shown."""


@dataclass(frozen=True)
class Problem:
    """A property that cannot be used: its path (`drain.deadline`) and the reason with property, value and remedy."""

    prop: str
    reason: str


Declared = TypeVar("Declared")


@dataclass(frozen=True)
class Checked(Generic[Declared]):
    """The inputs after validation."""

    declaration: Declared | None
    """None where there are problems. Unknown inputs are missing in it, or placeholders."""
    problems: tuple[Problem, ...]
    unknown: frozenset[str]
    """Inputs that hold a value not known yet."""


def validate(inputs: Mapping[str, Any]) -> Checked[Declaration]:
    """Check the declared inputs of a `HostPoolImageUpdate` (those the provider added are not among them)."""
    return checked(inputs, schema(), _PLACEHOLDERS, parse)


def checked(
    inputs: Mapping[str, Any],
    by: dict[str, Any],
    placeholders: Mapping[str, Any],
    parse: Callable[[Mapping[str, Any]], Declared],
) -> Checked[Declared]:
    """Check inputs by a schema, then by the reader of the declaration, which gets `placeholders` for those of its
    inputs that are not known yet."""
    unknown = frozenset(name for name, value in inputs.items() if has_unknown(value))
    problems = tuple(schema_problems(by, inputs, unknown))
    if problems:
        return Checked(None, problems, unknown)
    known = {name: value for name, value in inputs.items() if name not in unknown}
    try:
        declaration = parse({**{name: placeholders[name] for name in unknown & placeholders.keys()}, **known})
    except InvalidDeclaration as error:
        return Checked(None, (problem_of(error),), unknown)
    return Checked(declaration, (), unknown)


def problem_of(error: InvalidDeclaration) -> Problem:
    return Problem(error.prop, str(error))


def has_unknown(value: Any) -> bool:
    """Whether the value is not known yet, or holds one that is not."""
    if isinstance(value, Mapping):
        return any(has_unknown(item) for item in value.values())
    if isinstance(value, list | tuple):
        return any(has_unknown(item) for item in value)
    return isinstance(value, Unknown)


# -- the schema's words


def schema_problems(of: Mapping[str, Any], inputs: Mapping[str, Any], unknown: frozenset[str]) -> Iterable[Problem]:
    """What a schema finds wrong; unknown values are left alone."""
    from jsonschema import Draft202012Validator

    # A None is an input that was not given.
    known = {name: _without_unknown(value) for name, value in inputs.items() if value is not None}
    given = {name: value for name, value in known.items() if not isinstance(value, Unknown)}
    errors = Draft202012Validator(of).iter_errors(given)
    for error in sorted(errors, key=lambda e: [str(part) for part in e.absolute_path]):
        yield from _problems(error, inputs)


def _without_unknown(value: Any) -> Any:
    if isinstance(value, Mapping):
        given = {name: item for name, item in value.items() if item is not None and not isinstance(item, Unknown)}
        return {name: _without_unknown(item) for name, item in given.items()}
    if isinstance(value, list | tuple):
        return [_without_unknown(item) for item in value if not isinstance(item, Unknown)]
    return value


def _problems(error: ValidationError, inputs: Mapping[str, Any]) -> Iterable[Problem]:
    where: Any = error.schema
    at = list(error.absolute_path)
    instance: Any = error.instance
    if error.validator == "additionalProperties" and where["additionalProperties"] is False:
        for name in sorted(instance.keys() - where["properties"].keys()):
            value = "(hidden)" if SECRET.search(name) else shown(instance[name])
            known = nearest(name, path(at), where["properties"])
            yield Problem(path([*at, name]), f"{path([*at, name])}: {value} is no known property; {known}")
    elif error.validator == "required":
        for name in where["required"]:
            # jsonschema tells each missing name by itself; unknown ones are there.
            if error.message.startswith(f"'{name}'") and not isinstance(_at(inputs, [*at, name]), Unknown):
                remedy = f"add it, such as {shown(_example(where['properties'][name]))}"
                yield Problem(path([*at, name]), f"{path([*at, name])}: None is missing; {remedy}")
    else:
        yield Problem(path(at), f"{path(at)}: {shown(instance)} {_wrong(error, where)}; {_remedy(where)}")


def nearest(name: str, within: str, known: Mapping[str, Any]) -> str:
    """What to write instead of a property that is not among those `known` of the object at the path `within`."""
    near = get_close_matches(name.lower(), known, n=1, cutoff=0.6)
    if near:
        return f"did you mean {path([*([within] if within else []), near[0]])}?"
    elsewhere = [found for found in _paths(schema()) if found.rpartition(".")[2] == name]
    if elsewhere:
        return f"did you mean {' or '.join(elsewhere)}?"
    return f"known are {', '.join(known)}"


def _paths(of: Mapping[str, Any], within: str = "") -> Iterable[str]:
    """The path of each property, at any depth but for items of lists: `drain.deadline`."""
    for name, prop in of.get("properties", {}).items():
        yield f"{within}{name}"
        yield from _paths(prop, f"{within}{name}.")


def _wrong(error: ValidationError, where: Mapping[str, Any]) -> str:
    if error.validator == "type":
        kinds = where["type"] if isinstance(where["type"], list) else [where["type"]]
        return f"is not of type {' or '.join(kinds)}"
    if error.validator == "enum":
        return "is not known"
    return "is empty" if error.validator in ("minLength", "minItems") else "is not valid"


def _remedy(where: Mapping[str, Any]) -> str:
    if "enum" in where:
        return f"use one of {', '.join(where['enum'])}"
    if where.get("type") == "boolean":
        return "write true or false"
    if where.get("type") == "object" and "properties" in where:
        return f"write an object with {', '.join(where['properties'])}, such as {shown(_example(where))}"
    if where.get("examples"):
        return f"write one such as {' or '.join(shown(example) for example in where['examples'])}"
    return "write a text, such as 'vm-0'"


def _example(where: Mapping[str, Any]) -> Any:
    """A valid value: an object with what it must have, or its first property."""
    if where.get("examples"):
        return where["examples"][0]
    properties: Mapping[str, Any] = where["properties"]
    return {name: _example(properties[name]) for name in where.get("required") or list(properties)[:1]}


def _at(inputs: Any, parts: Iterable[str | int]) -> Any:
    for part in parts:
        try:
            inputs = inputs[part]
        except (KeyError, IndexError, TypeError):
            return None
    return inputs


def path(parts: Iterable[str | int]) -> str:
    """`checkpoints[0].percent`."""
    text = ""
    for part in parts:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text
