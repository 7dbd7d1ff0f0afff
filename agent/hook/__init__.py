"""A hook in the serving process: the production model's own layers, sent as events."""
