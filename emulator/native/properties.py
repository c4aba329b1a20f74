"""SDK properties to ARM bodies and back, by the table: pure functions over plain values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from emulator.native.resource_types import ENVELOPE, OUTSIDE, ResourceType
from emulator.native.values import UNKNOWN, Properties, Secret


def request_body(known: ResourceType, inputs: Mapping[str, Any]) -> Properties:
    """The body of a PUT: envelope members beside, everything else under `properties`."""
    body: Properties = {}
    properties: Properties = {}
    for name in known.inputs & inputs.keys():
        target = body if name in ENVELOPE else properties
        *above, last = known.wire_names.get(name, name).split(".")
        for outer in above:
            target = target.setdefault(outer, {})
        target[last] = _wrapped(inputs[name], name, known.enveloped)
    if known.flattened:
        body["properties"] = properties
    return body


def outputs_of(known: ResourceType, answer: Mapping[str, Any]) -> Properties:
    """Outputs of an ARM answer: `properties` flattened, the id left to the engine, declared secrets marked."""
    outputs = {name: value for name, value in answer.items() if name not in ("id", "properties") and value is not None}
    inner = answer.get("properties") or {}
    if known.flattened:
        sdk_names = {wire: sdk for sdk, wire in known.wire_names.items()}
        outputs |= {
            sdk_names.get(path, path.partition(".")[0]): _unwrapped(value, path, known.enveloped)
            for path, value in _flat(inner, known.wire_names.values())
            if value is not None
        }
    else:
        outputs["properties"] = inner
    outputs["azureApiVersion"] = known.api_version
    for path in known.secret_outputs:
        outputs = _mark_secret(outputs, path.split("."))
    return outputs


def previewed(known: ResourceType, inputs: Mapping[str, Any], old: Mapping[str, Any] | None = None) -> Properties:
    """Outputs before a write: the inputs, everything else unknown; of an update, name and location stay as they are."""
    outputs = dict.fromkeys(("name", "type", "systemData", "provisioningState"), UNKNOWN) | {
        name: value for name, value in inputs.items() if name in known.inputs
    }
    outputs["azureApiVersion"] = known.api_version
    return outputs | {name: old[name] for name in ("name", "location") if old and name in old}


def inputs_of(known: ResourceType, resource_id: str, outputs: Mapping[str, Any]) -> Properties:
    """Inputs that would make what was read, for an import."""
    return {**known.parameters_of(resource_id), **projected(known, outputs), "azureApiVersion": known.api_version}


def projected(known: ResourceType, outputs: Mapping[str, Any]) -> Properties:
    """The part of the outputs that has the shape of inputs; what only Azure sets is left out."""
    inputs = {name: outputs[name] for name in sorted(known.inputs & outputs.keys())}
    kept: Properties = _without(inputs, known.read_only)
    return kept


def refreshed(
    known: ResourceType, inputs: Mapping[str, Any], old: Mapping[str, Any], new: Mapping[str, Any]
) -> Properties:
    """The inputs with what changed in Azure since the last write.

    As azure-native does it: answers hold many defaults that nobody declared, so only differences between the old and
    the new answer are carried over to the inputs.
    """
    return _carry_over(dict(inputs), projected(known, old), projected(known, new))


def _carry_over(inputs: Properties, old: Mapping[str, Any], new: Mapping[str, Any]) -> Properties:
    for name in old.keys() - new.keys():
        inputs.pop(name, None)
    for name, value in new.items():
        if name not in old:
            inputs[name] = value
        elif old[name] != value:
            inputs[name] = _changed(inputs[name], old[name], value) if name in inputs else value
    return inputs


def _changed(base: Any, old: Any, new: Any) -> Any:
    if isinstance(base, dict) and isinstance(old, dict) and isinstance(new, dict):
        return _carry_over(dict(base), old, new)
    if isinstance(base, list) and isinstance(old, list) and isinstance(new, list):
        return [
            _changed(base[i], old[i], item) if i < len(base) and i < len(old) else item for i, item in enumerate(new)
        ]
    return base if old == new else new


def _wrapped(value: Any, path: str, enveloped: frozenset[str]) -> Any:
    """A value as ARM has it: the objects at enveloped paths with their members under `properties`."""
    if isinstance(value, list):
        return [_wrapped(each, f"{path}[]", enveloped) for each in value]
    if not isinstance(value, dict):
        return value
    made = {name: _wrapped(each, f"{path}.{name}", enveloped) for name, each in value.items()}
    if path not in enveloped:
        return made
    inner = {name: each for name, each in made.items() if name not in OUTSIDE}
    return {**{name: each for name, each in made.items() if name in OUTSIDE}, "properties": inner}


def _unwrapped(value: Any, path: str, enveloped: frozenset[str]) -> Any:
    """A value as the SDK has it: the other way round."""
    if isinstance(value, list):
        return [_unwrapped(each, f"{path}[]", enveloped) for each in value]
    if not isinstance(value, dict):
        return value
    if path in enveloped:
        value = {**{name: each for name, each in value.items() if name != "properties"}, **value.get("properties", {})}
    return {name: _unwrapped(each, f"{path}.{name}", enveloped) for name, each in value.items()}


def _flat(inner: Mapping[str, Any], paths: Iterable[str]) -> list[tuple[str, Any]]:
    """The members of `properties`, those of an object that dotted paths lead into one by one with their paths."""
    opened = {path.partition(".")[0] for path in paths if "." in path}
    found: list[tuple[str, Any]] = []
    for name, value in inner.items():
        if name in opened and isinstance(value, dict):
            found += [(f"{name}.{below}", each) for below, each in value.items()]
        else:
            found.append((name, value))
    return found


def _without(value: Any, paths: Iterable[str]) -> Any:
    """The value without the members at the paths, and without objects that become empty by that."""
    heads: dict[str, list[str]] = {}
    for path in paths:
        head, _, rest = path.partition(".")
        heads.setdefault(head, []).append(rest)
    if not heads or not isinstance(value, dict):
        return value
    kept: Properties = {}
    for name, item in value.items():
        if name in heads:
            if "" in heads[name]:
                continue
            item = _without(item, heads[name])
            if item == {}:
                continue
        elif f"{name}[]" in heads and isinstance(item, list):
            item = [_without(element, heads[f"{name}[]"]) for element in item]
        kept[name] = item
    return kept


def _mark_secret(value: Any, path: list[str]) -> Any:
    if not path:
        return value if isinstance(value, Secret) else Secret(value)
    if not isinstance(value, dict) or path[0] not in value:
        return value
    return {**value, path[0]: _mark_secret(value[path[0]], path[1:])}
