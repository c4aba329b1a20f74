"""The policy pack: `pulumi preview --policy-pack policy`. Each rule of rules.py is one policy, mandatory by default;
the pack's configuration changes that, and which stacks are meant."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pulumi_policy import (
    EnforcementLevel,
    PolicyConfigSchema,
    PolicyPack,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
)
from rules import (
    IMAGE_VERSION,
    PRODUCTION,
    REPLICAS,
    SHARE,
    UPDATE,
    canary,
    matches,
    max_unavailable,
    pinned_version,
    replicas,
    stack_of,
    window,
)

Rule = Callable[[Mapping[str, Any], Mapping[str, Any]], "str | list[str] | None"]


def policy(
    name: str, description: str, rule: Rule, applies: Callable[[str], bool], stacks: list[str], **more: Any
) -> Any:
    """A policy that asks `rule(inputs, configuration)` of the resources whose type it applies to, in some stacks."""

    def validate(args: ResourceValidationArgs, report: ReportViolation) -> None:
        given = args.get_config()
        if applies(args.resource_type) and matches(stack_of(args.urn), given["stacks"]):
            wrong = rule(args.props, given)
            for line in [wrong] if isinstance(wrong, str) else wrong or []:
                report(line)

    listed = {"type": "array", "items": {"type": "string"}, "default": stacks}
    return ResourceValidationPolicy(
        name=name,
        description=description,
        enforcement_level=EnforcementLevel.MANDATORY,
        validate=validate,
        config_schema=PolicyConfigSchema(properties={"stacks": listed, **more}),
    )


def update(resource_type: str) -> bool:
    return resource_type == UPDATE


PolicyPack(
    name="hostpool-guard-rails",
    policies=[
        policy(
            "canary", "A host goes first, alone, before the others follow.",
            lambda inputs, given: canary(inputs), update, [*PRODUCTION],
        ),
        policy(
            "max-unavailable", "Few hosts are out of service at once.",
            lambda inputs, given: max_unavailable(inputs, given["percent"]), update, [*PRODUCTION],
            percent={"type": "number", "default": SHARE, "minimum": 1, "maximum": 100},
        ),
        policy(
            "window", "Hosts go out of service in a maintenance window only.",
            lambda inputs, given: window(inputs), update, [*PRODUCTION],
        ),
        policy(
            "pinned-version", "The image version is written down, or promoted.",
            lambda inputs, given: pinned_version(inputs), update, [*PRODUCTION],
        ),
        policy(
            "image-replicas", "Each region has more than one copy of an image version.",
            lambda inputs, given: replicas(inputs, given["least"]),
            lambda kind: bool(IMAGE_VERSION.fullmatch(kind)), ["*"],
            least={"type": "integer", "default": REPLICAS, "minimum": 1},
        ),
    ],
)  # fmt: skip
