"""Pages in a file of their own, read from a stream's database: what reports share, and the report."""
