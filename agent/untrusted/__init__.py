"""One gate for what comes from outside: JSON, text and base64 are bounded and checked here."""
