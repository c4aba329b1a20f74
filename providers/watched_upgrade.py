"""What `ScaleSetImageUpgrade` and `BatchPoolImageUpgrade` have in common as dynamic providers: Azure does the upgrade,
and a run watches it, beginning it where that is possible and declared.

Imports are late, inside the methods: the program's process needs none of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from pulumi.dynamic import CheckFailure, CheckResult, CreateResult, DiffResult, ReadResult, UpdateResult
from pulumi.dynamic import ResourceProvider as DynamicProvider

if TYPE_CHECKING:
    from providers.watched_parts import Parts

OUTPUTS = (
    "status",
    "summary",
    "waits_for",
    "image_version_id",
    "failed",
    "upgrade",
    "history",
    "report",
)
"""Names of the outputs of both that are no inputs; `plan` and `state` are added to the inputs."""


class WatchedUpgradeProvider(DynamicProvider):
    """What Pulumi calls, in a process of its own. Every method can be called again at any time."""

    # The pickle is a reference to this class: nothing in it is secret, and the state stays readable.
    serialize_as_secret_always = False
    what: ClassVar[str]
    """Which entry of `watched_parts.PARTS` does the work."""

    def check(self, olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        """Validate, and add what a preview shows: `plan` and `state`.

        Without access to Azure the former plan stays, with a warning.
        """
        from providers.declared_inputs import UNKNOWN_PLAN
        from providers.engine_log import warn
        from providers.runtime import runtime
        from providers.watched_inputs import STALE, UNKNOWN_STATE

        parts = self._parts()
        checked = parts.inputs.validate(parts.inputs.declared(news))
        if checked.declaration is None:
            return CheckResult(news, [CheckFailure(problem.prop, problem.reason) for problem in checked.problems])
        if checked.unknown:
            return CheckResult({**news, "plan": dict(UNKNOWN_PLAN), "state": UNKNOWN_STATE}, [])
        seen = runtime().run(parts.look(checked.declaration, refresh=False))
        if seen.failures:
            return CheckResult(news, [CheckFailure(problem.prop, problem.reason) for problem in seen.failures])
        if seen.problem:
            warn(seen.problem, news)
            return CheckResult({**news, "plan": olds.get("plan", {}), "state": STALE}, [])
        if seen.warning:
            warn(seen.warning, news)
        return CheckResult({**news, "plan": dict(seen.plan), "state": seen.state}, [])

    def diff(self, id_: str, olds: dict[str, Any], news: dict[str, Any]) -> DiffResult:
        """An update where members do not run the latest version, the last run did not complete, or something else is
        declared."""
        from providers.watched_inputs import has_work

        inputs = self._parts().inputs
        replaces = inputs.replaces(olds, news)
        unfinished = olds.get("status") != "complete"
        changes = bool(replaces) or inputs.changed(olds, news) or has_work(news) or unfinished
        return DiffResult(changes=changes, replaces=replaces, delete_before_replace=False)

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Upgrade. Raises a `Failed`, with one line, where it could not be done to its end."""
        outs = self._upgrade(props)
        return CreateResult(str(props[self._parts().inputs.identity]).rstrip("/").lower(), outs)

    def update(self, id_: str, olds: dict[str, Any], news: dict[str, Any]) -> UpdateResult:
        """The same as `create`."""
        return UpdateResult(self._upgrade(news))

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """What the members run now. What is gone in Azure is gone from the state."""
        from providers.declared_inputs import own
        from providers.engine_log import warn
        from providers.runtime import runtime

        parts = self._parts()
        declaration = parts.inputs.validate(parts.inputs.declared(props)).declaration
        if declaration is None:  # a state of former inputs: the next update brings it up to date
            return ReadResult(id_, props)
        seen = runtime().run(parts.look(declaration, refresh=True))
        if seen.gone:
            return ReadResult(None, {})
        if seen.problem:
            warn(seen.problem, props)
            return ReadResult(id_, props)
        return ReadResult(id_, {**own(props), **seen.outputs})

    def delete(self, id_: str, props: dict[str, Any]) -> None:
        """Nothing: the members stay as they are, and an upgrade under way goes on."""

    def _parts(self) -> Parts:
        from providers.watched_parts import PARTS

        return PARTS[self.what]

    def _upgrade(self, props: dict[str, Any]) -> dict[str, Any]:
        """Run the upgrade; returns the outputs: the inputs, as outputs replace each other whole, and what the run
        tells."""
        from providers.declared_inputs import own
        from providers.failure import Failed
        from providers.runtime import runtime

        parts = self._parts()
        checked = parts.inputs.validate(parts.inputs.declared(props))
        if checked.declaration is None:  # check() has refused it before; a state that was edited by hand
            raise parts.failed("; ".join(problem.reason for problem in checked.problems))
        engine = runtime()
        try:
            done = engine.run(parts.upgrade(checked.declaration, str(props.get("resource_urn") or ""), engine.stop))
        except Failed as failed:
            # Once more, here: Pulumi shows the traceback, and this way it is a short one.
            raise parts.failed(str(failed)) from None
        return {**own(props), **done}
