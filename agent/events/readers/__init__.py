"""One file a format: how a message in it is recognised, and how it is read. The table is formats.py."""
