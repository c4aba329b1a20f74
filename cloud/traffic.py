"""What was sent: counts for reports, and Azure's time as its answers tell it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from cloud.waits import http_date
from rollout.clock import Clock


@dataclass(frozen=True)
class Exchange:
    """One request and its answer. `status` is 0 where none came; `at` is epoch seconds, `seconds` how long it took,
    both of the clock in use."""

    method: str
    path: str
    status: int
    at: float
    seconds: float


Observer = Callable[[Exchange], None]
"""Called for each exchange, after it; must not raise."""


@dataclass
class Traffic:
    """Requests that were sent, resent ones included."""

    by_method: Counter[str] = field(default_factory=Counter)
    throttled: int = 0
    """Answers 429."""
    lost: int = 0
    """Requests without an answer."""

    def count(self, method: str, status: int) -> None:
        self.by_method[method] += 1
        self.throttled += status == 429
        self.lost += status == 0

    @property
    def reads(self) -> int:
        return self.by_method["GET"] + self.by_method["HEAD"]

    @property
    def writes(self) -> int:
        """PUT, PATCH, POST and DELETE."""
        return self.by_method.total() - self.reads


class AzureTime:
    """The clock corrected by Date headers.

    A Date header says the second in which the answer was made, so with `sent <= made <= received` each answer bounds
    the offset of Azure's time from ours: `date - received < offset < date + 1 - sent`. The bounds of all answers are
    cut together; where they no longer meet, a clock was set and the newest answer counts alone.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._low, self._high = float("-inf"), float("inf")

    def now(self) -> float:
        """Azure's time, epoch seconds; the clock's own before the first answer."""
        known = self._low != float("-inf")
        return self._clock.now() + ((self._low + self._high) / 2 if known else 0.0)

    def learn(self, headers: Mapping[str, str], sent: float, received: float) -> None:
        """Take in an answer's Date header; `sent` and `received` are the clock's."""
        date = http_date(headers.get("Date", ""))
        if date is None:
            return
        low, high = date - received, date + 1 - sent
        if low > self._high or high < self._low:
            self._low, self._high = low, high
        else:
            self._low, self._high = max(self._low, low), min(self._high, high)


def path_of(url: str) -> str:
    """The path of a URL: what is left for logs, since status URLs carry signatures in their query."""
    return urlsplit(url).path
