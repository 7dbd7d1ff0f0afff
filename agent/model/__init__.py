"""The production model and its scorer."""
