"""The properties of a resource that names one thing in Azure: which are declared, whether they can be used, and what
follows from their comparison. Pure functions on the dicts that Pulumi hands over."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

from providers.validation import Checked, checked, has_unknown

Properties = dict[str, Any]
Declared = TypeVar("Declared")

PROVIDER = "__provider"
"""Pulumi's own key: the pickled provider."""
UNKNOWN_PLAN: Mapping[str, str] = {"unknown": "an input is not known yet"}


@dataclass(frozen=True)
class DeclaredInputs(Generic[Declared]):
    """One kind of resource. `identity` is the input with the ARM id of the thing; another one replaces the resource."""

    identity: str
    schema: Callable[[], Properties]
    parse: Callable[[Mapping[str, Any]], Declared]
    """Raises InvalidDeclaration."""
    placeholders: Mapping[str, Any]
    """Stand in for unknown values that a declaration must have, so that the other inputs can be checked."""
    others: frozenset[str]
    """Properties that are not declared: outputs, and what the provider and the program add."""
    ids: frozenset[str]
    """Fields of the declaration that are ARM ids, which are compared without case."""
    unknown_replaces: bool = True
    """Whether a thing that is not known yet counts as another one."""

    def declared(self, props: Mapping[str, Any]) -> Properties:
        """The declared inputs, unknown keys included."""
        others = self.others | {PROVIDER}
        return {name: value for name, value in props.items() if value is not None and name not in others}

    def validate(self, inputs: Mapping[str, Any]) -> Checked[Declared]:
        """Check declared inputs."""
        return checked(inputs, self.schema(), self.placeholders, self.parse)

    def found(self, olds: Mapping[str, Any], declaration: Declared) -> Properties | None:
        """The output `found` of this very thing: what a run before found there. None where there was none."""
        known = olds.get("found") if same_id(olds.get(self.identity), getattr(declaration, self.identity)) else None
        return dict(known) if isinstance(known, Mapping) else None

    def replaces(self, olds: Mapping[str, Any], news: Mapping[str, Any]) -> list[str]:
        """The identity where another thing is named."""
        new = news.get(self.identity)
        another = self.unknown_replaces if has_unknown(new) else not same_id(olds.get(self.identity), new)
        return [self.identity] if another else []

    def changed(self, olds: Mapping[str, Any], news: Mapping[str, Any]) -> bool:
        """Whether the declared inputs mean something else: `PT60M`, 3600 and a default that was left out are the
        same."""
        was, now = self.validate(self.declared(olds)), self.validate(self.declared(news))
        if now.unknown or was.declaration is None or now.declaration is None:
            return self.declared(olds) != self.declared(news)
        return bool(self._comparable(was.declaration) != self._comparable(now.declaration))

    def _comparable(self, declaration: Any) -> Any:
        known = {name: getattr(declaration, name) for name in self.ids}
        return replace(declaration, **{name: value.lower() for name, value in known.items() if value})


def own(props: Mapping[str, Any]) -> Properties:
    """What the outputs repeat."""
    return {name: value for name, value in props.items() if name != PROVIDER and value is not None}


def same_id(one: object, other: object) -> bool:
    """Whether two ARM ids name the same."""
    return str(one).rstrip("/").lower() == str(other).rstrip("/").lower()
