"""From the bytes of a record to events."""
