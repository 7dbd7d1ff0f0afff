"""From kept taps to a candidate detector that passed its gate, or was refused with the reason."""
