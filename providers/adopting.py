"""The life of a resource that takes over settings of something that exists, and gives them back when it is deleted.

Creating and updating are the same operation: the declared settings are written where they differ, and what was found is
kept in the output `found`. Another thing replaces the resource.

A provider class's path is in the state of every stack for ever: it may not change, and the class has no state and no
arguments. Imports are late, inside the methods: the program's process needs none of them.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from pulumi.dynamic import CheckFailure, CheckResult, CreateResult, DiffResult, ReadResult, UpdateResult
from pulumi.dynamic import ResourceProvider as DynamicProvider

from providers.failure import Failed

if TYPE_CHECKING:
    from providers.declared_inputs import DeclaredInputs
    from providers.validation import Problem


@dataclass(frozen=True)
class Seen:
    """What a preview or a refresh saw."""

    plan: Mapping[str, str] = field(default_factory=dict)
    """What the next run changes, by setting; empty for nothing."""
    failures: tuple[Problem, ...] = ()
    warnings: tuple[str, ...] = ()
    problem: str = ""
    """Why Azure could not be asked."""
    gone: bool = False
    outputs: Mapping[str, Any] = field(default_factory=dict)
    """Those that a refresh brings up to date."""


class Setting(Protocol):
    """What is done in Azure on behalf of one kind of resource: a module. `found` is what a run before found there, None
    where there was none; `urn` is the resource's."""

    async def look(self, declared: Any, found: dict[str, Any] | None, urn: str) -> Seen:
        """What a run would do, and which rules the outcome would break. Raises nothing that Azure or the declaration is
        the reason of."""

    async def observe(self, declared: Any) -> Seen:
        """The settings as they are, for a refresh. Raises nothing that Azure is the reason of."""

    async def apply(self, declared: Any, found: dict[str, Any] | None, urn: str, stop: asyncio.Event) -> dict[str, Any]:
        """Bring it to the declaration; returns the outputs. Raises Failed."""

    async def give_back(self, declared: Any, found: dict[str, Any] | None, urn: str) -> None:
        """Give it back as it was found; what is gone is no error. Raises Failed."""


class AdoptingProvider(DynamicProvider, ABC):
    """What Pulumi calls, in a process of its own. Every method can be called again at any time."""

    # The pickle is a reference to the class: nothing in it is secret, and the state stays readable.
    serialize_as_secret_always = False

    @abstractmethod
    def properties(self) -> DeclaredInputs[Any]:
        """What is declared of this kind of resource."""

    @abstractmethod
    def setting(self) -> Setting:
        """What is done in Azure for it."""

    def check(self, olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        """Validate, judge the outcome by Azure's rules, and add what a preview shows: `plan`.

        Without access to Azure nothing is judged: the former plan stays, with a warning.
        """
        from providers.declared_inputs import UNKNOWN_PLAN
        from providers.engine_log import warn
        from providers.runtime import runtime

        inputs = self.properties()
        checked = inputs.validate(inputs.declared(news))
        if checked.declaration is None:
            return CheckResult(news, [CheckFailure(problem.prop, problem.reason) for problem in checked.problems])
        if checked.unknown:
            return CheckResult({**news, "plan": dict(UNKNOWN_PLAN)}, [])
        found = inputs.found(olds, checked.declaration)
        seen = runtime().run(self.setting().look(checked.declaration, found, _urn(news)))
        if seen.failures:
            return CheckResult(news, [CheckFailure(problem.prop, problem.reason) for problem in seen.failures])
        for warning in (*seen.warnings, *([seen.problem] if seen.problem else [])):
            warn(warning, news)
        return CheckResult({**news, "plan": olds.get("plan", {}) if seen.problem else dict(seen.plan)}, [])

    def diff(self, id_: str, olds: dict[str, Any], news: dict[str, Any]) -> DiffResult:
        """A replacement where something else is named; an update where it differs from what is declared, or other
        settings are declared."""
        inputs = self.properties()
        replaces = inputs.replaces(olds, news)
        changes = bool(replaces) or inputs.changed(olds, news) or bool(news.get("plan"))
        return DiffResult(changes=changes, replaces=replaces, delete_before_replace=False)

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Take it over. Raises Failed, with one line."""
        outs = self._apply(props, None)
        return CreateResult(str(props[self.properties().identity]).rstrip("/").lower(), outs)

    def update(self, id_: str, olds: dict[str, Any], news: dict[str, Any]) -> UpdateResult:
        """The same as `create`; what was found before stays, and what is declared no more is given back."""
        found = olds.get("found")
        return UpdateResult(self._apply(news, dict(found) if isinstance(found, Mapping) else None))

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """The settings as they are now. What is gone in Azure is gone from the state."""
        from providers.declared_inputs import own
        from providers.engine_log import warn
        from providers.runtime import runtime

        inputs = self.properties()
        declaration = inputs.validate(inputs.declared(props)).declaration
        if declaration is None:  # a state of former inputs: the next update brings it up to date
            return ReadResult(id_, props)
        seen = runtime().run(self.setting().observe(declaration))
        if seen.gone:
            return ReadResult(None, {})
        if seen.problem:
            warn(seen.problem, props)
            return ReadResult(id_, props)
        return ReadResult(id_, {**own(props), **seen.outputs})

    def delete(self, id_: str, props: dict[str, Any]) -> None:
        """Give it back as it was found. What is gone is no error."""
        from providers.engine_log import warn
        from providers.runtime import runtime

        inputs = self.properties()
        declaration = inputs.validate(inputs.declared(props)).declaration
        if declaration is None:  # a state of inputs that are known no more: what was changed stays
            warn("the declaration in the state cannot be read, so that the settings stay as they are", props)
            return
        try:
            runtime().run(self.setting().give_back(declaration, inputs.found(props, declaration), _urn(props)))
        except Failed as failed:
            raise type(failed)(str(failed)) from None

    def _apply(self, props: dict[str, Any], found: dict[str, Any] | None) -> dict[str, Any]:
        """Returns the outputs: the inputs, as outputs replace each other whole, and what the run tells."""
        from providers.declared_inputs import own
        from providers.runtime import runtime

        inputs, engine = self.properties(), runtime()
        checked = inputs.validate(inputs.declared(props))
        if checked.declaration is None:  # check() has refused it before; a state that was edited by hand
            raise Failed("; ".join(problem.reason for problem in checked.problems))
        try:
            done = engine.run(self.setting().apply(checked.declaration, found, _urn(props), engine.stop))
        except Failed as failed:
            # Once more, here: Pulumi shows the traceback, and this way it is a short one.
            raise type(failed)(str(failed)) from None
        return {**own(props), **done}


def _urn(props: Mapping[str, Any]) -> str:
    return str(props.get("resource_urn") or "")
