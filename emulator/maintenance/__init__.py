"""Microsoft.Maintenance: configurations with their windows, and what they are assigned to."""
