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
from emulator.native.long_running import Json, body_of, follow, successful

POLL_PUT_SECONDS = 10.0
POLL_DELETE_SECONDS = 30.0
"""Waits between polls where the answer names none; azure-native's own."""


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
        return body_of(successful(answer))

    def put(self, resource_id: str, api_version: str, body: Mapping[str, Any]) -> Json:
        """Create or update, wait for the end, and read the resource back."""
        answer = successful(self._send("PUT", self._url(resource_id), api_version, body))
        follow(answer, self._poll, self._stop, POLL_PUT_SECONDS)
        return self.get(resource_id, api_version) or body_of(answer)

    def delete(self, resource_id: str, api_version: str) -> None:
        """Delete and wait for the end; what is not there is deleted."""
        answer = self._send("DELETE", self._url(resource_id), api_version)
        if answer.status_code != 404:
            follow(successful(answer), self._poll, self._stop, POLL_DELETE_SECONDS)

    def _poll(self, url: str) -> HttpResponse:
        """The URL of an operation is called as it was given: it has its own api-version and signatures."""
        return self._send("GET", urljoin(self._base, url))

    def _url(self, resource_id: str) -> str:
        return self._base.rstrip("/") + "/" + resource_id.lstrip("/")

    def _send(
        self, method: str, url: str, api_version: str | None = None, body: Mapping[str, Any] | None = None
    ) -> HttpResponse:
        params = {"api-version": api_version} if api_version else None
        answer: HttpResponse = self._client.send_request(HttpRequest(method, url, params=params, json=body))
        return answer


def _cloud(metadata_host: str) -> Cloud:
    base = metadata_host if "://" in metadata_host else f"https://{metadata_host}"
    client: PipelineClient[HttpRequest, HttpResponse] = PipelineClient(base, policies=[RetryPolicy(retry_total=2)])
    url = f"{base.rstrip('/')}/metadata/endpoints?api-version=2022-09-01"
    try:
        with client:
            described = body_of(successful(client.send_request(HttpRequest("GET", url))))
    except AzureError as error:
        raise AzureError(
            f"{url} does not answer: {error}. Is ARM_METADATA_HOSTNAME right, and the emulator up?"
        ) from error
    authentication = described["authentication"]
    return Cloud(
        described["resourceManager"], authentication["loginEndpoint"].rstrip("/"), authentication["audiences"][0]
    )
