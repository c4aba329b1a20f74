"""I8: no secret in what the engine tells, nor in any tag."""

from __future__ import annotations

import json

from emulator.scenario import SECRETS
from simulation.invariants.evidence import Evidence, Found


def no_secret(e: Evidence) -> Found:
    """I8: no secret in events, in how runs ended, nor in any tag."""
    texts = {
        "events": "\n".join(event.to_json() for event in e.story.made.events) + repr(e.story.ended),
        "tags": json.dumps([body.get("tags") for body in e.story.after["resources"].values()]),
    }
    secrets = [value for name, value in SECRETS.items() if "password" in name]
    found = [f"a secret is in {where}" for where, text in texts.items() if any(secret in text for secret in secrets)]
    return len(secrets), found
