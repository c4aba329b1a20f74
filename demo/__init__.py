"""`make demo`: a whole rollout with the real Pulumi CLI against the emulator, and a verdict from the emulator's state."""
