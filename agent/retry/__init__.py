"""Trying again: delays that grow and are spread by chance, and calls that are repeated."""
