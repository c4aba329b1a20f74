"""Deploys an ARM template on the emulator: the functions that ours uses, resource after resource as they are listed."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Mapping
from typing import Any

_TOKEN = re.compile(r"\s*('(?:[^']|'')*'|\w+|[(),.])")


def deploy(
    template: Mapping[str, Any], group: str, put: Callable[[str, str, Any], Any], **given: Any
) -> dict[str, str]:
    """PUT each resource by `put(id, api_version, body)` into the resource group; what comes back are the outputs."""
    parameters = {
        name: given.get(name, declared.get("defaultValue")) for name, declared in template["parameters"].items()
    }
    missing = [name for name, value in parameters.items() if value is None]
    assert not missing, missing
    parameters["location"] = given["location"]
    made: dict[str, Any] = {}
    known = _Functions(group, parameters, made)
    for resource in template["resources"]:
        body = known.all(resource)
        kinds, names = body.pop("type").split("/", 1), body.pop("name").split("/")
        path = "/".join(f"{kind}/{name}" for kind, name in zip(kinds[1].split("/"), names, strict=True))
        scope = body.pop("scope", group)
        resource_id = f"{scope}/providers/{kinds[0]}/{path}"
        assert all(needed.lower() in made for needed in body.pop("dependsOn", [])), resource_id
        made[resource_id.lower()] = put(resource_id, body.pop("apiVersion"), body)
    return {name: known.all(output["value"]) for name, output in template["outputs"].items()}


class _Functions:
    """Template expressions: `[format('{0}', parameters('a'))]`."""

    def __init__(self, group: str, parameters: Mapping[str, Any], made: Mapping[str, Any]) -> None:
        self.group, self.parameters, self.made = group, parameters, made

    def all(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {name: self.all(item) for name, item in value.items()}
        if isinstance(value, list):
            return [self.all(item) for item in value]
        if isinstance(value, str) and value.startswith("["):
            tokens = _TOKEN.findall(value[1:-1])
            result, rest = self._expression(tokens)
            assert not rest, value
            return result
        return value

    def _expression(self, tokens: list[str]) -> tuple[Any, list[str]]:
        head, *rest = tokens
        if head.startswith("'"):
            return head[1:-1].replace("''", "'"), rest
        assert rest[0] == "(", head
        rest, arguments = rest[1:], []
        while rest[0] != ")":
            argument, rest = self._expression(rest)
            arguments.append(argument)
            rest = rest[1:] if rest[0] == "," else rest
        result, rest = getattr(self, f"_{head}")(*arguments), rest[1:]
        while rest and rest[0] == ".":
            result, rest = result[rest[1]], rest[2:]
        return result, rest

    def _parameters(self, name: str) -> Any:
        return self.parameters[name]

    def _format(self, text: str, *arguments: str) -> str:
        return text.format(*arguments)

    def _guid(self, *parts: str) -> str:
        return str(uuid.uuid5(uuid.NAMESPACE_OID, "-".join(parts)))

    def _resourceId(self, kind: str, *names: str) -> str:
        provider, *kinds = kind.split("/")
        return f"{self.group}/providers/{provider}/" + "/".join(f"{k}/{n}" for k, n in zip(kinds, names, strict=True))

    def _subscriptionResourceId(self, kind: str, name: str) -> str:
        return f"{self.group.partition('/resourceGroups/')[0]}/providers/{kind}/{name}"

    def _reference(self, resource_id: str, api_version: str) -> Any:
        return self.made[resource_id.lower()]["properties"]
