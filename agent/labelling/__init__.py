"""Hands an alert's frames to tools in which people label pictures."""
