"""Deterministic simulation: the engine, the real SDK clients and the emulator in one process and one thread, on virtual
time and without sockets. One seed always gives one run."""
