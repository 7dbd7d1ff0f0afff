"""Scheduled jobs, which run concurrently with the loop."""
