"""Azure's own rolling OS image upgrades of scale sets and Batch pools: declared, checked and watched.

Azure rolls these by itself; nothing here swaps a disk. Knows neither Pulumi nor an Azure SDK.
"""
