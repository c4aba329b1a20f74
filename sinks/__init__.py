"""Where a run's events go beside the display and its own log: notices, the audit log, Log Analytics, traces.

None of them can stop or delay the rollout: what cannot be written or sent is told once. What costs an import or a
connection is opened only where it is declared or set.
"""
