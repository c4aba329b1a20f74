"""Small helpers on JSON bodies that all of Compute uses."""

from __future__ import annotations

from typing import Any

from emulator.wire import ArmError, Body, Request
from emulator.world import Resource


def clone(value: Any) -> Any:
    """A copy of a JSON value: what an answer carries must not change when the world does."""
    if isinstance(value, dict):
        return {key: clone(item) for key, item in value.items()}
    if isinstance(value, list):
        return [clone(item) for item in value]
    return value


def merge(base: Any, patch: Any) -> Any:
    """JSON merge as ARM's PATCH does it: objects by key, null removes, everything else (lists too) replaces."""
    if not isinstance(base, dict) or not isinstance(patch, dict):
        return clone(patch)
    merged = dict(base)
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = merge(merged.get(key), value)
    return merged


def without_nulls(value: Any) -> Any:
    """The value without null members, which clients send for what they leave open."""
    if isinstance(value, dict):
        return {key: without_nulls(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [without_nulls(item) for item in value]
    return value


def body_of(request: Request) -> Body:
    """The request's JSON object. Raises 400 InvalidRequestContent."""
    if not isinstance(request.body, dict):
        raise ArmError(
            400,
            "InvalidRequestContent",
            "The request content was invalid and could not be deserialized: 'a JSON object is expected'.",
        )
    return clone(request.body)  # type: ignore[no-any-return]


def require_staying(vm: Resource) -> None:
    """Refuse work on a VM that is being deleted. Raises 409 Conflict (wording unverified)."""
    if vm.body["properties"].get("provisioningState") == "Deleting":
        raise ArmError(409, "Conflict", f"The virtual machine '{vm.body['name']}' is being deleted.")


def location_of(body: Body) -> str:
    """The location of a PUT body, normalised (`West Europe` -> `westeurope`). Raises 400 LocationRequired."""
    location = str(body.get("location") or "").replace(" ", "").lower()
    if not location:
        raise ArmError(400, "LocationRequired", "The location property is required for this definition.")
    return location


def invalid(message: str, target: str) -> ArmError:
    return ArmError(400, "InvalidParameter", message, target=target)


def required(target: str) -> ArmError:
    """Compute's words for a missing property."""
    return invalid(f"Required parameter '{target}' is missing (null).", target)


def change_not_allowed(target: str) -> ArmError:
    """Code, message and target as in issue reports on `osDisk.createOption`."""
    return ArmError(409, "PropertyChangeNotAllowed", f"Changing property '{target}' is not allowed.", target=target)


def not_allowed(message: str) -> ArmError:
    return ArmError(409, "OperationNotAllowed", message)
