"""The SDK clients on the emulator in one process, where tests look for them."""

from __future__ import annotations

from bench.in_process import BASE_URL, ENDPOINTS, InProcessTransport, emulated, in_process_cloud, principal_named

__all__ = ["BASE_URL", "ENDPOINTS", "InProcessTransport", "emulated", "in_process_cloud", "principal_named"]
