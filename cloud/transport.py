"""The HTTP session that all clients of a connection share."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import aiohttp
import certifi
from azure.core.pipeline.transport import AioHttpTransport, AsyncHttpTransport
from azure.core.rest import AsyncHttpResponse, HttpRequest

Transport = AsyncHttpTransport[HttpRequest, AsyncHttpResponse]

CONNECTIONS = 128
"""More than the throttle ever lets be in flight in a second, so that a write does not wait for a free connection
between the check of the lease and its sending."""
CONNECT_TIMEOUT = 20
"""Real seconds to make a connection: well below the 60 s a lease has left when a write is allowed."""
READ_TIMEOUT = 120
"""Real seconds without a byte of the answer."""


@asynccontextmanager
async def open_transport(environment: Mapping[str, str]) -> AsyncIterator[Transport]:
    """One aiohttp session, verified against SSL_CERT_FILE (or REQUESTS_CA_BUNDLE, which other Azure tools read), else
    the system's certificate authorities; proxies as the process environment says."""
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=CONNECTIONS, ssl=_trust(environment)),
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=True,
        auto_decompress=False,  # azure-core decompresses itself
    ) as session:
        yield AioHttpTransport(
            session=session, session_owner=False, connection_timeout=CONNECT_TIMEOUT, read_timeout=READ_TIMEOUT
        )


def _trust(environment: Mapping[str, str]) -> ssl.SSLContext:
    bundle = environment.get("SSL_CERT_FILE") or environment.get("REQUESTS_CA_BUNDLE")
    context = ssl.create_default_context(cafile=bundle or None)
    if not bundle and not context.cert_store_stats()["x509_ca"]:
        context.load_verify_locations(certifi.where())  # a Python that does not find the system's store
    return context
