"""Database migrations (Alembic), one change a file."""
