"""Faults of cameras by name: what each does to pictures, and which one a change looks like."""
