"""The ARM calls of the stand-in: one resource at a time, long-running operations followed to their end."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin

from azure.core import PipelineClient
from azure.core.exceptions import AzureError
from azure.core.pipeline.policies import BearerTokenCredentialPolicy, HeadersPolicy, RetryPolicy, UserAgentPolicy
from azure.core.rest import HttpRequest, HttpResponse
from azure.identity import ClientSecretCredential

from emulator.native.configuration import Configuration

POLL_PUT_SECONDS = 10.0
POLL_DELETE_SECONDS = 30.0
"""Waits between polls where the answer names none; azure-native's own."""

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


@dataclass(frozen=True)
class Cloud:
    """What the metadata endpoint says: where ARM is and for whom tokens are made out."""

    resource_manager: str
    authority: str
    audience: str


class Arm:
    """GET, PUT and DELETE of ARM resources, from several threads at once if need be.

    Raises ArmFailure, OperationFailed, Cancelled, or AzureError where no answer came at all.
    """

    def __init__(self, configuration: Configuration) -> None:
        self._stop = threading.Event()
        cloud = _cloud(configuration.metadata_host)
        credential = ClientSecretCredential(
            configuration.tenant_id,
            configuration.client_id,
            configuration.client_secret,
            authority=cloud.authority,
            disable_instance_discovery=True,
        )
        self._client: PipelineClient[HttpRequest, HttpResponse] = PipelineClient(
            cloud.resource_manager,
            policies=[
                HeadersPolicy({"Accept": "application/json"}),
                UserAgentPolicy("azure-native-stand-in"),
                RetryPolicy(retry_total=8),
                BearerTokenCredentialPolicy(credential, f"{cloud.audience.rstrip('/')}/.default"),
            ],
        )
        self._base = cloud.resource_manager

    def cancel(self) -> None:
        """End all waiting with `Cancelled`."""
        self._stop.set()

    def get(self, resource_id: str, api_version: str) -> Json | None:
        """The resource, or None where there is none."""
        answer = self._send("GET", self._url(resource_id), api_version)
        if answer.status_code == 404:
            return None
        return _body(_successful(answer))

    def put(self, resource_id: str, api_version: str, body: Mapping[str, Any]) -> Json:
        """Create or update, wait for the end, and read the resource back."""
        answer = _successful(self._send("PUT", self._url(resource_id), api_version, body))
        self._follow(answer, POLL_PUT_SECONDS)
        return self.get(resource_id, api_version) or _body(answer)

    def delete(self, resource_id: str, api_version: str) -> None:
        """Delete and wait for the end; what is not there is deleted."""
        answer = self._send("DELETE", self._url(resource_id), api_version)
        if answer.status_code != 404:
            self._follow(_successful(answer), POLL_DELETE_SECONDS)

    def _follow(self, answer: HttpResponse, default_wait: float) -> None:
        """Wait for a long-running operation by `Azure-AsyncOperation`, else by `Location` of a 202 (ARM's async RPC:
        github.com/Azure/azure-resource-manager-rpc/blob/master/v1.0/async-api-reference.md)."""
        status_url = answer.headers.get("Azure-AsyncOperation")
        location = answer.headers.get("Location") if answer.status_code == 202 else None
        url = status_url or location
        while url is not None:
            if self._stop.wait(_wait(answer, default_wait)):
                raise Cancelled("cancelled while an operation in Azure was going on; it goes on there")
            answer = self._send("GET", urljoin(self._base, url))
            if answer.status_code == 429 or answer.status_code >= 500:
                continue  # the operation goes on; the policy's own retries are used up, so keep asking
            _successful(answer)
            if status_url is None:
                if answer.status_code != 202:
                    return
                url = answer.headers.get("Location", url)
                continue
            status = _body(answer)
            state = str(status.get("status", ""))
            if state.lower() == "succeeded":
                return
            if state.lower() in ("failed", "canceled"):
                error = status.get("error") or {}
                raise OperationFailed(f'Code="{error.get("code", state)}" Message="{error.get("message", "")}"')

    def _url(self, resource_id: str) -> str:
        return self._base.rstrip("/") + "/" + resource_id.lstrip("/")

    def _send(
        self, method: str, url: str, api_version: str | None = None, body: Mapping[str, Any] | None = None
    ) -> HttpResponse:
        # The URL of an operation is called as it was given: it carries its own api-version and signatures.
        params = {"api-version": api_version} if api_version else None
        answer: HttpResponse = self._client.send_request(HttpRequest(method, url, params=params, json=body))
        return answer


def _cloud(metadata_host: str) -> Cloud:
    base = metadata_host if "://" in metadata_host else f"https://{metadata_host}"
    client: PipelineClient[HttpRequest, HttpResponse] = PipelineClient(base, policies=[RetryPolicy(retry_total=3)])
    url = f"{base.rstrip('/')}/metadata/endpoints?api-version=2022-09-01"
    try:
        described = _body(_successful(client.send_request(HttpRequest("GET", url))))
    except AzureError as error:
        raise AzureError(
            f"{url} does not answer: {error}. Is ARM_METADATA_HOSTNAME right, and the emulator up?"
        ) from error
    authentication = described["authentication"]
    return Cloud(
        described["resourceManager"], authentication["loginEndpoint"].rstrip("/"), authentication["audiences"][0]
    )


def _wait(answer: HttpResponse, default: float) -> float:
    """Seconds until the next poll."""
    for name, per_second in (("retry-after-ms", 1000.0), ("x-ms-retry-after-ms", 1000.0), ("Retry-After", 1.0)):
        value = answer.headers.get(name, "")
        if value.replace(".", "", 1).isdigit():
            return float(value) / per_second
    return default


def _successful(answer: HttpResponse) -> HttpResponse:
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


def _body(answer: HttpResponse) -> Json:
    if not answer.content:
        return {}
    body = answer.json()
    return body if isinstance(body, dict) else {}
