"""Windows, online statistics and drift tests."""
