"""Stand-in for Pulumi's azure-native plugin, for machines where the real one cannot be had.

A real provider process (gRPC service `pulumirpc.ResourceProvider`) that serves only the resource types in
`resource_types.py` and only against an emulator that `ARM_METADATA_HOSTNAME` names; it refuses to run without one.
"""
