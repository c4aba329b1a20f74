"""How long an answer asks us to wait."""

from __future__ import annotations

from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from functools import lru_cache

from rollout.clock import Clock


def retry_after(headers: Mapping[str, str], clock: Clock) -> float | None:
    """Seconds of the clock's time that an answer asks to wait, or None.

    `retry-after-ms` and `x-ms-retry-after-ms` are real milliseconds (that is how azure-core reads them, and how a
    server with compressed time says less than a second); `Retry-After` is seconds or an HTTP date.
    """
    for name in ("retry-after-ms", "x-ms-retry-after-ms"):
        if text := headers.get(name):
            try:
                return max(0.0, float(text)) / 1000 / clock.real_seconds(1.0)
            except ValueError:
                continue
    text = headers.get("Retry-After")
    if not text:
        return None
    try:
        return max(0.0, float(text))
    except ValueError:
        at = http_date(text)
        return None if at is None else max(0.0, at - clock.now())


@lru_cache(maxsize=64)
def http_date(text: str) -> float | None:
    """Epoch seconds of an HTTP date, or None for what is none."""
    try:
        return parsedate_to_datetime(text).timestamp()
    except (TypeError, ValueError, IndexError):
        return None
