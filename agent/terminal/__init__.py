"""What a person sees on a terminal: lines, tables, errors, JSON and progress, always escaped."""
