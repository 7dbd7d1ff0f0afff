"""What the database says of a stream: whether it works, and how each segment stands."""
