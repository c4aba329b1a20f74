"""The benchmark: the engine against AVD's own order on an emulated pool, and what a preview costs."""
