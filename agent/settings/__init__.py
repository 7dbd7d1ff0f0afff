"""The settings: sections, file, environment, secrets, conflicts and the commented sample."""
