"""Property values as the Pulumi engine sends them, and back: plain Python with two markers, `UNKNOWN` and `Secret`.

The signatures are those of Pulumi's wire format (pulumi/pulumi, sdk/go/common/resource/properties.go).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from google.protobuf import json_format, struct_pb2

SIGNATURE = "4dabf18193072939515e22adb298388d"
SECRET_SIGNATURE = "1b47061264138c4ac30d75fd1eb44270"
UNKNOWN_VALUE = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"

Properties = dict[str, Any]


class Unknown:
    """A value that is not known before the update, as in a preview."""

    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN: Final = Unknown()


@dataclass(frozen=True)
class Secret:
    """A value that the engine encrypts in its state and never shows."""

    value: Any

    def __repr__(self) -> str:
        return "Secret(...)"


def decode(struct: struct_pb2.Struct) -> Properties:
    """Properties of a request; nulls are left out, as azure-native does, whole numbers become int."""
    decoded = _decode(json_format.MessageToDict(struct))
    assert isinstance(decoded, dict)
    return decoded


def encode(properties: Mapping[str, Any]) -> struct_pb2.Struct:
    """Properties of an answer."""
    struct = struct_pb2.Struct()
    struct.update({key: _encode(value) for key, value in properties.items()})
    return struct


def plain(value: Any) -> Any:
    """The value without its `Secret` markers."""
    if isinstance(value, Secret):
        return plain(value.value)
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value


def has_unknown(value: Any) -> bool:
    """Whether the value is unknown or holds something that is."""
    bare = plain(value)
    if isinstance(bare, dict):
        return any(map(has_unknown, bare.values()))
    if isinstance(bare, list):
        return any(map(has_unknown, bare))
    return bare is UNKNOWN


def keep_secret(outputs: Properties, inputs: Mapping[str, Any]) -> Properties:
    """The outputs, with everything marked `Secret` that is so in the inputs. A list with a secret in it is one secret,
    since its elements may come back in another order."""
    marked = dict(outputs)
    for key, value in inputs.items():
        if key not in marked:
            continue
        if isinstance(value, Secret) or (isinstance(value, list) and _has_secret(value)):
            marked[key] = marked[key] if isinstance(marked[key], Secret) else Secret(marked[key])
        elif isinstance(value, dict) and isinstance(marked[key], dict):
            marked[key] = keep_secret(marked[key], value)
    return marked


def _has_secret(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(_has_secret, value.values()))
    if isinstance(value, list):
        return any(map(_has_secret, value))
    return isinstance(value, Secret)


def _decode(value: Any) -> Any:
    if isinstance(value, dict):
        if SIGNATURE in value:
            if value[SIGNATURE] == SECRET_SIGNATURE:
                return Secret(_decode(value["value"]))
            raise ValueError("assets, archives and resource references are not among the properties served here")
        return {key: _decode(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_decode(item) for item in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return UNKNOWN if value == UNKNOWN_VALUE else value


def _encode(value: Any) -> Any:
    if isinstance(value, Secret):
        return {SIGNATURE: SECRET_SIGNATURE, "value": _encode(value.value)}
    if isinstance(value, Unknown):
        return UNKNOWN_VALUE
    if isinstance(value, dict):
        return {key: _encode(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_encode(item) for item in value]
    return value
