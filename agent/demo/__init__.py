"""The demonstration: the real agent on real photographs."""
