"""Pages in a browser: what the database knows, read by the same calls as the commands."""
