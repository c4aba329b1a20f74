"""The command `hostpool`: what a rollout does, read from the journal in Azure and from the event logs beside it."""
