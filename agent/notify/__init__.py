"""Tells people of alerts: what is due, to which sinks, again until it is delivered."""
