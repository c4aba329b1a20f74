"""Pulumi's dynamic providers, thin: inputs in, a plan or an outcome out. The work is done by `rollout`."""
