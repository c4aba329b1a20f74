"""Following an ARM operation to its end, and telling what an answer means: no sockets here."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from azure.core.rest import HttpResponse

Json = dict[str, Any]


class ArmFailure(Exception):
    """An answer that is no success: HTTP status, ARM's code and message."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(f'Status={status} Code="{code}" Message="{message}"')
        self.status, self.code = status, code


class OperationFailed(Exception):
    """The request was accepted, and the operation it started did not succeed: the resource may be there in part."""


class Cancelled(Exception):
    """Pulumi asked to stop while an operation was going on."""


def follow(
    answer: HttpResponse, poll: Callable[[str], HttpResponse], stop: threading.Event, default_wait: float
) -> None:
    """Wait for a long-running operation by `Azure-AsyncOperation`, else by `Location` of a 202 (ARM's asynchronous
    operations: learn.microsoft.com/azure/azure-resource-manager/management/async-operations).

    `poll` gets the URL as it was given. Raises OperationFailed, ArmFailure, and Cancelled once `stop` is set.
    """
    status_url = answer.headers.get("Azure-AsyncOperation")
    url = status_url or (answer.headers.get("Location") if answer.status_code == 202 else None)
    while url is not None:
        if stop.wait(wait_of(answer, default_wait)):
            raise Cancelled("cancelled while an operation in Azure was going on; it goes on there")
        answer = poll(url)
        if answer.status_code == 429 or answer.status_code >= 500:
            continue  # says nothing about the operation, which goes on
        successful(answer)
        if status_url is None:
            if answer.status_code != 202:
                return
            url = answer.headers.get("Location", url)
            continue
        status = body_of(answer)
        state = str(status.get("status", ""))
        if state.lower() == "succeeded":
            return
        if state.lower() in ("failed", "canceled"):
            error = status.get("error") or {}
            raise OperationFailed(f'Code="{error.get("code", state)}" Message="{error.get("message", "")}"')


def wait_of(answer: HttpResponse, default: float) -> float:
    """Seconds until the next poll, by the first header that says so."""
    for name, per_second in (("retry-after-ms", 1000.0), ("x-ms-retry-after-ms", 1000.0), ("Retry-After", 1.0)):
        value = answer.headers.get(name, "")
        if value.replace(".", "", 1).isdigit():
            return float(value) / per_second
    return default


def successful(answer: HttpResponse) -> HttpResponse:
    """The answer itself. Raises ArmFailure for a status from 400 on, also where the body is no ARM error."""
    if answer.status_code < 400:
        return answer
    try:
        body = answer.json()
    except ValueError:
        body = {}
    error = body.get("error", body) if isinstance(body, dict) else {}
    raise ArmFailure(
        answer.status_code, str(error.get("code", answer.reason)), str(error.get("message", answer.text()[:300]))
    )


def body_of(answer: HttpResponse) -> Json:
    """The JSON object of an answer; empty where there is none."""
    if not answer.content:
        return {}
    body = answer.json()
    return body if isinstance(body, dict) else {}
