"""Microsoft.DesktopVirtualization: host pools, session hosts, user sessions, scaling plans, and the agents on hosts."""
