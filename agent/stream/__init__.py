"""Where events come from and where undecodable ones go."""
