"""Scored events in memory until a flush takes them: windows, segments, statistics, evidence."""
