"""`make demo`: a whole rollout with the real Pulumi CLI against the emulator, judged by the emulator's own state."""
