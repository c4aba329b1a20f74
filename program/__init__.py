"""What `__main__.py` needs to be short: the stack configuration, read once and checked."""
