"""The command ``driftgauge``: one file a subcommand, and the way errors reach a person.

A subcommand's file has ``register(app)``. It imports heavy libraries inside its functions, so that
``driftgauge --help`` stays fast. To add one: write the file and name it in ``FILES``.
"""

from __future__ import annotations

import inspect
import io
import os
import sys
from functools import cache
from importlib import import_module, metadata
from pathlib import Path
from typing import Annotated, Any

import typer

from ..process.allocator import keep_freed_memory

FILES = (
    "demo",
    "demo_frames",
    "init",
    "config",
    "doctor",
    "fit",
    "score",
    "run",
    "retrain",
    "reference",
    "status",
    "segments",
    "rates",
    "query",
    "export",
    "replay",
    "report",
    "serve",
    "alerts",
    "detectors",
    "notify",
    "dlq",
    "db",
)
"""Modules of this package in the order of the help page."""

COMMANDS = tuple(name.replace("_", "-") for name in FILES)

ROOTS = frozenset({"AgentError", "DetectorError", "StorageError"})
"""Errors that a person can act on; others are bugs and keep their traceback."""

USAGE_ERRORS = frozenset({"SettingsError"})

app = typer.Typer(
    name="driftgauge",
    help="Report when an image model in production sees images that it was not trained for.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        sys.stdout.write(f"driftgauge {metadata.version('driftgauge')}\n")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            "-V",
            callback=_print_version,
            is_eager=True,
            help="Print the version and exit.",
        ),
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run the command line; exit 2 for settings and usage, 1 for other errors."""
    # Before torch loads: threads that spin while they wait take the cores of whoever runs beside
    # this process, the production model first; two busy processes slowed each other threefold.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    keep_freed_memory()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal that cannot show a letter
    sys.path.append(str(Path.cwd()))  # last: model.factory may name a file that lies here
    try:
        _command()(prog_name="driftgauge")
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        names = {kind.__name__ for kind in type(error).__mro__}
        if not names & ROOTS:
            raise
        from ..terminal.printing import print_error
        from .hints import with_options

        hint = with_options(getattr(error, "hint", ""), sys.argv[1:], COMMANDS)
        print_error(error, hint=hint)
        sys.exit(2 if names & USAGE_ERRORS else 1)


@cache
def _command() -> Any:
    """Return what *app* describes; to make it takes longer than most commands do."""
    return typer.main.get_command(app)


def _let_help_flow(group: typer.Typer) -> None:
    """Join the lines of each paragraph of help, so that it is folded where the terminal ends."""
    for command in group.registered_commands:
        text = inspect.cleandoc((command.callback and command.callback.__doc__) or "")
        command.help = "\n\n".join(" ".join(part.split()) for part in text.split("\n\n"))
    for inner in group.registered_groups:
        if inner.typer_instance is not None:
            _let_help_flow(inner.typer_instance)


for _file in FILES:
    import_module(f".{_file}", __package__).register(app)
_let_help_flow(app)

if __name__ == "__main__":
    main()
