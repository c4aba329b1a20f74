"""The audit log's table on an emulator, made by the template in docs/."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from emulator.app import Emulator
from emulator.wire import Request
from simulation.in_process import principal_named
from tests.support.arm_template import deploy
from tests.support.pools import GROUP

TEMPLATE = json.loads((Path(__file__).parents[2] / "docs" / "log_analytics.json").read_text(encoding="utf-8"))


def deploy_table(emulator: Emulator, base_url: str, *, sender: str = "updater", group: str = GROUP) -> dict[str, str]:
    """The input `log_analytics`; `sender` may send rows. Call it in the thread that serves the emulator, or before."""
    deployer = principal_named(emulator, "deployer")

    def put(resource_id: str, version: str, body: Any) -> Any:
        query = {"api-version": version}
        asked = Request("PUT", resource_id, query, body=body, principal=deployer, base_url=base_url)
        answer = emulator.handle(asked)
        assert answer.status in (200, 201), answer.body
        return answer.body

    workspace = f"{group}/providers/Microsoft.OperationalInsights/workspaces/logs"
    put(workspace, "2023-09-01", {"location": "westeurope"})
    given = {"workspaceName": "logs", "updaterPrincipalId": principal_named(emulator, sender).object_id}
    return deploy(TEMPLATE, group, put, location="westeurope", **given)
