"""A transport that a test writes as a function."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from azure.core.rest import AsyncHttpResponse, HttpRequest

from simulation.wire import AnyToken, InMemoryResponse, WithoutSockets, allow

__all__ = ["Answer", "AnyToken", "InMemoryResponse", "Scripted", "allow", "in_turn"]

Answer = tuple[int, Any] | tuple[int, Any, dict[str, str]] | Exception
"""Status, body and headers, or what to raise in place of an answer."""


class Scripted(WithoutSockets):
    """Answers each request by a function of it; `sent` holds what came."""

    def __init__(self, answer: Callable[[HttpRequest], Answer]) -> None:
        self._answer = answer
        self.sent: list[HttpRequest] = []

    async def send(self, request: HttpRequest, **kwargs: Any) -> AsyncHttpResponse:
        self.sent.append(request)
        answer = self._answer(request)
        if isinstance(answer, Exception):
            raise answer
        return InMemoryResponse(request, *answer)

    def calls(self) -> list[str]:
        """`GET /path` of each request, in order."""
        return [f"{request.method} {urlsplit(request.url).path[1:]}" for request in self.sent]


def in_turn(*answers: Answer) -> Callable[[HttpRequest], Answer]:
    """One answer after the other, the last one for ever."""
    left = list(answers)
    return lambda request: left.pop(0) if len(left) > 1 else left[0]
