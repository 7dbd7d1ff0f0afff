"""What runs on a schedule beside the loop, on one agent at a time."""
