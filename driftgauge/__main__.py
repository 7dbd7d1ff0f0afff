"""The command ``driftgauge``, also as ``python -m driftgauge``."""

from __future__ import annotations

import sys

from driftgauge.extras import install_command

_MISSING = """\
driftgauge: the Python package {package!r} is not installed. The command needs the extra 'agent':
  {command}"""


def main() -> None:
    """Run the command, or say what to install for it: a serving process needs less than the agent."""
    try:
        from driftgauge.agent.command.__main__ import main as run_command
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package == "driftgauge":
            raise
        sys.exit(_MISSING.format(package=package, command=install_command("agent")))
    run_command()


if __name__ == "__main__":
    main()
