"""The capture engine: makes a gallery image version from a golden VM, which is never sysprepped and keeps its disk.

Functional core (`phases`), one imperative shell (`capture`, `executor`), as in `rollout`, whose general parts it uses:
lease, errors, clock, REST views, values. It imports neither pulumi nor an Azure SDK.
"""
