"""What crosses the wire, without sockets: a request, a response, and the error that becomes an ARM error body.

The emulator is a synchronous function from `Request` to `Response` over a `World`; `server.py` puts it behind HTTPS,
tests and simulations call it directly.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Body = dict[str, Any]


class Headers(dict[str, str]):
    """Header names are compared without case (RFC 9110, 5.1); the case they were written in is kept."""

    def __init__(self, values: Mapping[str, str] | None = None) -> None:
        super().__init__(values or {})
        if not isinstance(values, Headers) and len({name.lower() for name in self}) < len(self):
            super().clear()
            for name, value in (values or {}).items():
                self[name] = value

    def __setitem__(self, name: str, value: str) -> None:
        for known in self:
            if known.lower() == name.lower():
                super().__delitem__(known)
                break
        super().__setitem__(name, value)

    def find(self, name: str) -> str | None:
        """The value of a header, or None."""
        return next((value for known, value in self.items() if known.lower() == name.lower()), None)


@dataclass(frozen=True, slots=True)
class Principal:
    """Who calls: a service principal of the emulated tenant."""

    object_id: str
    client_id: str
    name: str


@dataclass(slots=True)
class Request:
    """One HTTP request. `path` is as sent (no query), `query` keys are lower-cased, `body` is parsed JSON or None."""

    method: str
    path: str
    query: dict[str, str] = field(default_factory=dict)
    headers: Headers = field(default_factory=Headers)
    body: Any = None
    principal: Principal | None = None
    base_url: str = "https://localhost"
    """Scheme, host and port the client used: absolute URLs in answers start with it."""
    action: str | None = None
    """The RBAC action that was checked, and below the id of the fault rule that struck: for the request log."""
    fault: str | None = None
    linked: list[str] = field(default_factory=list)
    """The actions that were checked beside it, `<action> on <scope>`: on what the body refers to, for `$expand`."""
    effect: Body | None = None
    """The fault's effect, for those that act later than the answer (`operation`)."""

    @property
    def api_version(self) -> str:
        return self.query.get("api-version", "")


@dataclass(slots=True)
class Response:
    """One HTTP response. A `str` body is sent as it is (HTML error pages), anything else as JSON, None as no body.

    Status 0: the connection is closed without an answer. `delay`: emulated seconds before the answer is sent.
    """

    status: int
    body: Any = None
    headers: Headers = field(default_factory=Headers)
    delay: float = 0.0


class ArmError(Exception):
    """An error as Azure Resource Manager words it: `{"error": {"code", "message", "target"?, "details"?}}`."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        target: str | None = None,
        details: list[Body] | None = None,
        headers: Mapping[str, str] | None = None,
        wrapped: bool = True,
    ) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status, self.code, self.message = status, code, message
        self.target, self.details = target, details
        self.headers = Headers(headers)
        self.wrapped = wrapped
        """False for the few services that answer without the `error` envelope (412 of Compute)."""

    def payload(self) -> Body:
        """The `{"code", "message", ...}` object, as it also stands in a failed operation's status."""
        body: Body = {"code": self.code, "message": self.message}
        if self.target is not None:
            body["target"] = self.target
        if self.details is not None:
            body["details"] = self.details
        return body

    def response(self) -> Response:
        return Response(self.status, {"error": self.payload()} if self.wrapped else self.payload(), self.headers)
