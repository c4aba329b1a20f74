"""How Batch words its errors: through Azure Resource Manager, and on its own endpoint (recording
batch-account-and-dataplane-pool, github.com/Azure/Batch/issues/85)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from emulator.wire import ArmError, Body, Response
from emulator.world import World

INVALID_VALUE = "InvalidPropertyValue"
CANNOT_BE_UPDATED = "PropertyCannotBeUpdated"
_TEXTS = {
    INVALID_VALUE: "The value provided for one of the properties in the request body is invalid.",
    CANNOT_BE_UPDATED: "A property that cannot be updated was specified as part of the request.",
    "InvalidRequestBody": "The specified Request Body is not syntactically valid.",
    "MissingRequiredProperty": "A required property was not specified in the request body.",
}


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with a property of a pool. `path` as in ARM, such as `properties.upgradePolicy.mode`."""

    path: str
    value: Any
    reason: str
    code: str = INVALID_VALUE

    @property
    def name(self) -> str:
        return self.path.rpartition(".")[2]


def through_arm(world: World, problem: Problem) -> ArmError:
    """400 with `details` that name the property and the reason."""
    details: list[Body] = [
        {"code": "PropertyName", "message": problem.name},
        {"code": "PropertyPath", "message": problem.path},
    ]
    if problem.value is not None:
        details.append({"code": "PropertyValue", "message": _text(problem.value)})
    details.append({"code": "Reason", "message": problem.reason})
    text = f"{_TEXTS[problem.code]}\n{_stamp(world)}"
    return ArmError(400, problem.code, text, target="BatchAccount", details=details)


class BatchError(ArmError):
    """An error of the data plane: no `error` envelope, a message with its language, and `values`."""

    def __init__(
        self, world: World, status: int, code: str, text: str, values: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(status, code, f"{text}\n{_stamp(world)}")
        self.values = dict(values or {})

    def response(self) -> Response:
        body: Body = {
            "odata.metadata": "$metadata#Microsoft.Azure.Batch.Protocol.Entities.Container.errors/@Element",
            "code": self.code,
            "message": {"lang": "en-US", "value": self.message},
        }
        if self.values:
            body["values"] = [{"key": key, "value": value} for key, value in self.values.items()]
        return Response(self.status, body, self.headers)


def on_the_data_plane(world: World, problem: Problem) -> BatchError:
    values = {"PropertyName": problem.name}
    if problem.value is not None:
        values["PropertyValue"] = _text(problem.value)
    return BatchError(world, 400, problem.code, _TEXTS[problem.code], {**values, "Reason": problem.reason})


def missing(world: World, what: str) -> BatchError:
    """404 of a pool, node, job or task."""
    return BatchError(world, 404, f"{what}NotFound", f"The specified {what.lower()} does not exist.")


def exists(world: World, what: str) -> BatchError:
    return BatchError(world, 409, f"{what}Exists", f"The specified {what.lower()} already exists.")


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _stamp(world: World) -> str:
    return f"RequestId:{world.guid()}\nTime:{world.iso()}"
