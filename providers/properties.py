"""A resource's properties: which are declared, which the provider added, and what follows from their comparison.

Pure functions on the dicts that Pulumi hands over; numbers in them are floats, unknown values `pulumi.output.Unknown`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from pulumi.output import UNKNOWN

from providers.validation import has_unknown
from rollout.declaration import parse
from rollout.errors import InvalidDeclaration
from rollout.images import LATEST, short
from rollout.promote_from import PROMOTED

if TYPE_CHECKING:
    from providers.preview import Look

Properties = dict[str, Any]

ADDED = frozenset({"plan", "state", "image_version_id", "resource_urn"})
"""Inputs that are not declared: check() adds them, the last one the program."""
OUTPUTS_ONLY = frozenset(
    {"status", "hosts", "images", "attempt", "report", "summary", "users", "goes_on", "waits_for", "history"}
)
_PROVIDER = "__provider"
"""Pulumi's own key: the pickled provider."""

UNKNOWN_PLAN = "unknown"
STALE = "Azure could not be asked: the plan is that of the last preview or run"
"""The state line of a plan that was carried over."""


def declared(props: Mapping[str, Any]) -> Properties:
    """The declared inputs, unknown keys included."""
    return {
        name: value
        for name, value in props.items()
        if value is not None and name not in ADDED and name not in OUTPUTS_ONLY and name != _PROVIDER
    }


def pinned(props: Mapping[str, Any]) -> Properties:
    """The declared inputs with `latest` or `promoted` replaced by the version that the preview showed."""
    inputs, image_id = declared(props), props.get("image_version_id")
    if str(inputs.get("version")).lower() in (LATEST, PROMOTED) and image_id and props.get("state") != STALE:
        inputs["version"] = short(str(image_id))
    return inputs


# -- what check() adds


def with_unknown_plan(news: Mapping[str, Any], unknown: Iterable[str]) -> Properties:
    """Inputs whose plan cannot be made yet, because an input is the output of a resource that is yet to be made."""
    names = ", ".join(sorted(unknown))
    return {**news, "plan": UNKNOWN_PLAN, "state": f"not known yet: {names}", "image_version_id": UNKNOWN}


def with_look(olds: Mapping[str, Any], news: Mapping[str, Any], seen: Look) -> Properties:
    """Inputs with what was seen; with the former plan where nothing could be."""
    if not seen.problem:
        return {**news, "plan": dict(seen.plan), "state": seen.state, "image_version_id": seen.image_version_id}
    same_pool = bool(olds.get("host_pool_id")) and not is_another_pool(olds, news)
    added: Properties = {"plan": olds.get("plan", UNKNOWN_PLAN) if same_pool else UNKNOWN_PLAN, "state": STALE}
    if same_pool and _same(olds, news, "image", "version", "promote_from") and olds.get("image_version_id"):
        added["image_version_id"] = olds["image_version_id"]
    return {**news, **added}


def _same(olds: Mapping[str, Any], news: Mapping[str, Any], *names: str) -> bool:
    return all(olds.get(name) == news.get(name) for name in names)


# -- what diff() compares


def is_another_pool(olds: Mapping[str, Any], news: Mapping[str, Any]) -> bool:
    """Whether host_pool_id names another pool; ARM ids are compared without case. One not known yet may be the same."""
    old, new = olds.get("host_pool_id"), news.get("host_pool_id")
    return not has_unknown(new) and str(old).rstrip("/").lower() != str(new).rstrip("/").lower()


def declaration_changed(olds: Mapping[str, Any], news: Mapping[str, Any]) -> bool:
    """Whether the declared inputs mean something else: `PT60M`, 3600 and a default that was left out are the same."""
    old, new = declared(olds), declared(news)
    if has_unknown(new):
        return True
    try:
        return parse(_comparable(old)) != parse(_comparable(new))
    except (InvalidDeclaration, KeyError, TypeError, ValueError, AttributeError):
        return old != new  # inputs of a former release: compared as they are


def _comparable(inputs: Properties) -> Properties:
    ids = {name: str(inputs[name]).rstrip("/").lower() for name in ("host_pool_id", "image") if name in inputs}
    return inputs | ids


def has_work(news: Mapping[str, Any]) -> bool:
    """Whether hosts need work. A plan that was carried over is no reason for an update: nobody looked."""
    return bool(news.get("plan")) and news.get("state") != STALE


def left_alone(news: Mapping[str, Any]) -> bool:
    """Whether no version is ready for the pool, so that nothing is to be done whatever it runs."""
    return news.get("image_version_id") == "" and news.get("state") != STALE


# -- outputs


def outputs(props: Mapping[str, Any], done: Mapping[str, Any]) -> Properties:
    """The outputs after a run: the inputs, as outputs replace each other whole, and what the run tells."""
    return {**_own(props), **done}


def with_observed(props: Mapping[str, Any], seen: Look) -> Properties:
    """The outputs with what the hosts run now, and how an attempt ended that `hostpool tick` has run meanwhile."""
    elsewhere = bool(seen.status) and seen.status != props.get("status")
    ended = {"status": seen.status, "summary": seen.state, "goes_on": ""} if elsewhere else {}
    return {**_own(props), **observed(seen), **ended}


def observed(seen: Look) -> Properties:
    """The outputs that a look at the pool gives."""
    return {
        "images": {name: list(hosts) for name, hosts in seen.images.items()},
        "history": [dict(entry) for entry in seen.history],
        "plan": dict(seen.plan),
        "state": seen.state,
    }


def _own(props: Mapping[str, Any]) -> Properties:
    return {name: value for name, value in props.items() if name != _PROVIDER and value is not None}
