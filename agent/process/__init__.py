"""One process from start to leave: run, signals, watchdog, allocator."""
