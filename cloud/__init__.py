"""The only code that talks to Azure: endpoints, credential, clients, throttling, long-running operations.

`azure_cloud.open_cloud` opens a connection that implements `rollout.azure.Azure`; `clock.clock_from` gives the clock
that goes with it.
"""
