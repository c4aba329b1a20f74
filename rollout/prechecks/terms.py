"""The terms of the image's purchase plan: a subscription must have accepted them before it makes a VM of the image."""

from __future__ import annotations

from collections.abc import Iterator

from rollout.arm import dig
from rollout.prechecks.actions import TERMS_READ
from rollout.prechecks.facts import Facts
from rollout.prechecks.findings import Finding, error, warning


def check(facts: Facts) -> Iterator[Finding]:
    plan = facts.image.plan
    if not facts.built or plan is None:
        return
    publisher, product, name = (str(plan.get(key)) for key in ("publisher", "product", "name"))
    subject, where = f"purchase plan {publisher}/{product}/{name}", facts.build_subscription
    named = f"--publisher {publisher} --offer {product} --plan {name} --subscription {where}"
    if facts.terms is None:
        yield warning(
            "terms-unknown",
            subject,
            f"whether its terms are accepted could not be checked in /subscriptions/{where}: the role lacks "
            f"{TERMS_READ}, or nobody has ever asked for them",
            f"add it to the role at the subscription, and accept them (az vm image terms accept {named})",
        )
    elif not dig(facts.terms, "properties", "accepted"):
        yield error(
            "terms-not-accepted",
            subject,
            f"its terms are not accepted in subscription {where}: Azure refuses to make a temporary machine of it "
            "(ResourcePurchaseValidationFailed)",
            f"read and accept them (az vm image terms show, then accept {named})",
        )
