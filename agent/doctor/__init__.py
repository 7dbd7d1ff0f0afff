"""Examines everything that the agent will need, changes nothing, and says what to do: `driftgauge doctor`."""
