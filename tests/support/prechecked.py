"""The pre-checks on literals."""

from __future__ import annotations

from typing import Any

from rollout import prechecks
from rollout.images import Image
from rollout.observation import Pool
from rollout.prechecks import Finding, Mode
from tests.support.fake_azure import READABLE, FakeAzure
from tests.support.observed import declaration, image

__all__ = ["READABLE", "findings", "ids", "only"]


async def findings(
    pool: Pool,
    azure: FakeAzure | None = None,
    target: Image | None = None,
    *,
    mode: Mode = "preview",
    **inputs: Any,
) -> list[Finding]:
    fake = azure or FakeAzure()
    return await prechecks.run(fake.as_azure(), declaration(**inputs), pool, target or image(), mode=mode)


async def ids(pool: Pool, azure: FakeAzure | None = None, target: Image | None = None, **more: Any) -> list[str]:
    """Ids of the findings, warnings in brackets."""
    found = await findings(pool, azure, target, **more)
    return [f.id if f.severity == "error" else f"({f.id})" for f in found]


async def only(pool: Pool, azure: FakeAzure | None = None, target: Image | None = None, **more: Any) -> Finding:
    """The one finding there is."""
    found = await findings(pool, azure, target, **more)
    assert len(found) == 1, [str(finding) for finding in found]
    return found[0]
