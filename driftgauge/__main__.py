"""``python -m driftgauge`` is the command ``driftgauge``."""

from __future__ import annotations

from driftgauge.agent.command.__main__ import main

if __name__ == "__main__":
    main()
