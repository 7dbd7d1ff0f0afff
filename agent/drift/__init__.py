"""Judges closed windows: baselines, drift tests, the monitor and its state."""
