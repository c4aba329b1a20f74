"""From the SDK's exceptions to the engine's: one table of statuses, and the ways in which Azure words an error."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from azure.core.exceptions import AzureError as SdkError
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError

from rollout import errors

_BY_STATUS: Mapping[int, type[errors.AzureError]] = {
    401: errors.Forbidden,
    403: errors.Forbidden,
    404: errors.NotFound,
    409: errors.Conflict,
    412: errors.PreconditionFailed,
    408: errors.Unreachable,
    429: errors.Unreachable,
    502: errors.Unreachable,
    503: errors.Unreachable,
    504: errors.Unreachable,
}
"""The rest is AzureError itself. The transient ones come here after all retries."""

_CONFLICTS = frozenset({"NicInUse", "NicReservedForAnotherVm"})
"""Codes that Network answers with 400 though the resource is merely in use (recordings errors-in-use-delete-conflicts,
issue reports)."""

_MISSING = (
    # Of what the body refers to; the action before it is the one that is allowed.
    (re.compile(r"perform action\(s\) '([^']+)'"), re.compile(r"linked scope\(s\) '([^']+)'")),
    (re.compile(r"perform action '([^']+)'"), re.compile(r"over scope '([^']+)'")),
)
"""How a 403 names the action and its scope: LinkedAuthorizationFailed, then AuthorizationFailed."""


@dataclass(frozen=True)
class Problem:
    """An error body's code and message; empty where the answer has none."""

    code: str = ""
    message: str = ""


def problem_of(text: str) -> Problem:
    """The error in a body: `{"error": {"code", "message"}}`, Compute's 412 without the wrapper, OData's
    `{"value": message}`, a token endpoint's `error_description`; nothing for HTML and empty bodies."""
    try:
        body = json.loads(text)
    except ValueError:
        return Problem()
    if not isinstance(body, dict):
        return Problem()
    error = body.get("error", body)
    if isinstance(error, str):
        return Problem(error, str(body.get("error_description") or ""))
    return problem_in(error)


def problem_in(error: Any) -> Problem:
    """The problem in an error object, such as the one in a failed operation's status."""
    if not isinstance(error, dict):
        return Problem()
    message = error.get("message")
    if isinstance(message, dict):
        message = message.get("value")
    text = str(message or "")
    for detail in error.get("details") or []:
        more = str(detail.get("message") or "") if isinstance(detail, dict) else ""
        if more and more not in text and not more.startswith("{"):
            text = f"{text} {more}".strip()
    return Problem(str(error.get("code") or ""), text)


def from_answer(status: int, text: str, operation: str) -> errors.AzureError:
    """The error of an answer that is not a success."""
    problem = problem_of(text)
    kind = _BY_STATUS.get(status, errors.AzureError)
    if problem.code in _CONFLICTS:
        kind = errors.Conflict
    # AVD says "404" for NotFound (recording avd-sessionhost-delete).
    code = problem.code
    if not code or code.isdigit():
        code = kind.__name__ if kind is not errors.AzureError else "Failed"
    message = problem.message or "(no explanation in the answer)"
    if kind is errors.Forbidden:
        message = _with_remedy(status, problem, message)
    return kind(status, code, message, operation)


def _missing(message: str) -> tuple[str | None, str]:
    """The action that a 403 says is missing, and where."""
    for action, scope in _MISSING:
        found, where = action.search(message), scope.search(message)
        if found:
            return found[1], where[1] if where else ""
    return None, ""


def _with_remedy(status: int, problem: Problem, message: str) -> str:
    """A missing action comes before Azure's long sentence: a host's record has room for the beginning only."""
    action, scope = _missing(problem.message)
    if action:
        where = f" at {scope}" if scope else ""
        remedy = f"add {action} to the role of the update's principal{where} (a new assignment takes some minutes)"
        return f"{remedy}: {message}"
    remedy = "the update's principal lacks a permission there"
    if status == 401:
        remedy = "the token was not accepted: check the tenant, the subscription and the credential in use"
    return f"{message.rstrip('. ')}; {remedy}"


def from_sdk(error: SdkError, operation: str) -> errors.AzureError:
    """The engine's error for one of the SDK's. Never holds a request's body or headers."""
    response = error.response if isinstance(error, HttpResponseError) else None
    if isinstance(error, ClientAuthenticationError) and (
        response is None or "/oauth2/" in str(getattr(response.request, "url", ""))
    ):
        return errors.Forbidden(
            401,
            "AuthenticationFailed",
            f"no token: {_first_line(error)}; check ARM_TENANT_ID, and client id and secret (or OIDC, certificate) in "
            "HOSTPOOL_* or ARM_*",
            operation,
        )
    if response is not None and response.status_code and response.status_code >= 400:
        return from_answer(response.status_code, _text(response), operation)
    host = _host(error)
    return errors.Unreachable(
        0,
        "NoAnswer",
        f"no answer{f' from {host}' if host else ''}: {_first_line(error)}; check the network, ARM_METADATA_HOSTNAME "
        "and that what it names is running, then run again: it carries on where it was",
        operation,
    )


class translated:
    """A block in which the SDK's exceptions become the engine's."""

    __slots__ = ("_operation",)

    def __init__(self, operation: str) -> None:
        self._operation = operation

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if isinstance(error, SdkError):
            raise from_sdk(error, self._operation) from error


def _text(response: Any) -> str:
    try:
        return str(response.text())
    except (SdkError, ValueError, AttributeError):
        return ""


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def _host(error: SdkError) -> str:
    key = getattr(getattr(error, "inner_exception", None), "_conn_key", None)
    return f"{key.host}:{key.port}" if key is not None else ""
