"""The checks and defaults of inputs that azure-native makes before anything is written."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable, Mapping

from emulator.native.resource_types import ResourceType
from emulator.native.values import UNKNOWN, Properties, Secret, has_unknown, plain

CREATE_BEFORE_DELETE = "__createBeforeDelete"
"""Input that azure-native keeps with a random name: a replacement may be made before the old one is deleted."""

LocationOf = Callable[[str], str | None]
"""Region of a resource group by its name, or None."""


def checked(
    known: ResourceType,
    urn: str,
    seed: bytes,
    old: Mapping[str, object],
    new: Mapping[str, object],
    *,
    default_location: str | None,
    location_of: LocationOf,
) -> tuple[Properties, list[tuple[str, str]]]:
    """The inputs with their defaults, and the failures as (property, reason).

    Defaults are the name, the api-version and the location: that of the last write, the configured one, or that of
    the resource group.
    """
    inputs: Properties = dict(new)
    for parameter, how in known.auto_name.items():
        if parameter not in inputs:
            _name(inputs, parameter, how, urn, seed, old)
    if known.takes_location and "location" not in inputs:
        location = _location(inputs, old, default_location, location_of)
        if location is not None:
            inputs["location"] = location
    inputs.setdefault("azureApiVersion", known.api_version)
    return inputs, [*_missing(known, inputs), *_unserved(known, inputs)]


def _name(inputs: Properties, parameter: str, how: str, urn: str, seed: bytes, old: Mapping[str, object]) -> None:
    if parameter in old:
        inputs[parameter] = old[parameter]
        if CREATE_BEFORE_DELETE in old:
            inputs[CREATE_BEFORE_DELETE] = old[CREATE_BEFORE_DELETE]
        return
    digest = hashlib.sha256(seed + urn.encode()).hexdigest()
    inputs[parameter] = str(uuid.UUID(digest[:32])) if how == "uuid" else f"{urn.rsplit('::', 1)[-1]}{digest[:8]}"
    inputs[CREATE_BEFORE_DELETE] = True


def _location(
    inputs: Mapping[str, object], old: Mapping[str, object], configured: str | None, location_of: LocationOf
) -> object:
    if "location" in old:
        return old["location"]
    if configured:
        return configured
    group = inputs.get("resourceGroupName")
    if group is None:
        return None
    return UNKNOWN if has_unknown(group) else location_of(str(plain(group)))


def _missing(known: ResourceType, inputs: Mapping[str, object]) -> list[tuple[str, str]]:
    failures = []
    for name in sorted({*known.parameters, *known.required} - inputs.keys()):
        reason = f"missing required property '{name}'"
        if name == "location":
            reason += (
                ". Either set it explicitly or configure it with 'pulumi config set azure-native:location <value>'."
            )
        failures.append((name, reason))
    return failures


def _unserved(known: ResourceType, inputs: Mapping[str, object]) -> list[tuple[str, str]]:
    served = {*known.parameters, *known.inputs, "azureApiVersion", CREATE_BEFORE_DELETE}
    failures = [
        (name, f"'{name}' is no property of {known.token}; it has {', '.join(sorted(served - {CREATE_BEFORE_DELETE}))}")
        for name in sorted(inputs.keys() - served)
    ]
    version = plain(inputs.get("azureApiVersion"))
    if isinstance(version, str) and version != known.api_version:
        failures.append(
            ("azureApiVersion", f"'{version}' is not served: the stand-in knows {known.api_version} of {known.token}")
        )
    for name in known.parameters:
        value = inputs.get(name)
        if value is not None and not isinstance(value, Secret) and value is not UNKNOWN and not isinstance(value, str):
            failures.append((name, f"'{name}' should be of type 'string' but got {type(value).__name__}"))
    return failures
