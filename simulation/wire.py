"""HTTP without sockets for azure-core: answers held in memory, and a credential that nobody asks for."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, MutableMapping
from types import TracebackType
from typing import Any

from azure.core.credentials import AccessToken
from azure.core.exceptions import HttpResponseError
from azure.core.pipeline.transport import AsyncHttpTransport
from azure.core.rest import AsyncHttpResponse, HttpRequest
from azure.core.utils import case_insensitive_dict


class InMemoryResponse(AsyncHttpResponse):
    """An answer whose whole body is there from the start. A `str` body is sent as HTML, anything else as JSON, which
    `bytes` are already."""

    def __init__(self, request: HttpRequest, status: int, body: Any = None, headers: Mapping[str, str] | None = None):
        self._request, self._status = request, status
        self._headers = case_insensitive_dict(dict(headers or {}))
        if body is None:
            self._content = b""
        elif isinstance(body, str):
            self._content = body.encode()
            self._headers.setdefault("Content-Type", "text/html; charset=utf-8")
        else:
            self._content = body if isinstance(body, bytes) else json.dumps(body).encode()
            self._headers.setdefault("Content-Type", "application/json; charset=utf-8")
        self._json: Any = None
        self._encoding: str | None = "utf-8"

    @property
    def request(self) -> HttpRequest:
        return self._request

    @property
    def status_code(self) -> int:
        return self._status

    @property
    def headers(self) -> MutableMapping[str, str]:
        return self._headers

    @property
    def reason(self) -> str:
        return ""

    @property
    def content_type(self) -> str | None:
        return self._headers.get("Content-Type")

    @property
    def is_closed(self) -> bool:
        return True

    @property
    def is_stream_consumed(self) -> bool:
        return True

    @property
    def encoding(self) -> str | None:
        return self._encoding

    @encoding.setter
    def encoding(self, value: str | None) -> None:
        self._encoding = value

    @property
    def url(self) -> str:
        return self._request.url

    def body(self) -> bytes:
        """What msrest-style SDKs recognise a whole response by."""
        return self._content

    @property
    def content(self) -> bytes:
        return self._content

    def text(self, encoding: str | None = None) -> str:
        return self._content.decode(encoding or "utf-8")

    def json(self) -> Any:
        if self._json is None:
            self._json = json.loads(self._content)
        return self._json

    def raise_for_status(self) -> None:
        if self._status >= 400:
            raise HttpResponseError(response=self)

    async def read(self) -> bytes:
        return self._content

    async def iter_raw(self, **kwargs: Any) -> AsyncIterator[bytes]:
        yield self._content

    async def iter_bytes(self, **kwargs: Any) -> AsyncIterator[bytes]:
        yield self._content

    async def close(self) -> None:
        return None

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        return None


class WithoutSockets(AsyncHttpTransport[HttpRequest, AsyncHttpResponse]):
    """A transport that has nothing to open or close."""

    async def open(self) -> None:
        return None

    async def close(self) -> None:
        return None

    async def sleep(self, duration: float) -> None:
        await asyncio.sleep(duration)

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        return None


class AnyToken:
    """A credential for a server that does not look at tokens."""

    async def get_token(self, *scopes: str, **kwargs: Any) -> AccessToken:
        return AccessToken("in-process", 2**40)

    async def close(self) -> None:
        return None

    async def __aenter__(self) -> AnyToken:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        return None


def allow() -> None:
    """A write guard that lets everything pass."""
