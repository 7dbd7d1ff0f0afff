"""``driftgauge notify``: test the receivers of alerts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from .options import ConfigOption, JsonOption

if TYPE_CHECKING:
    from ..notify.notice import Notice
    from ..notify.sink import Sink
    from ..notify.templates import Templates


def register(app: typer.Typer) -> None:
    """Add the group of commands to *app*."""
    group = typer.Typer(help="Test the receivers of alerts.", no_args_is_help=True)
    group.callback()(_group)
    group.command("test")(send_example)
    app.add_typer(group, name="notify")


def _group() -> None:
    """Test the receivers of alerts."""


def send_example(
    sink: Annotated[
        str | None,
        typer.Argument(help="Name of the receiver to test, as printed here. Default: all of them."),
    ] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Send an example, marked as one, to everyone that the section notify names, and say what came back.

    It touches no database. Exit code 0 when everyone took it, 1 when somebody did not, 2 when the
    settings have no receiver.
    """
    from ..errors import SettingsError
    from ..notify.sample_notice import example_notice
    from ..notify.templates import Templates
    from ..settings.load import load_settings
    from ..terminal.printing import print_json, print_line
    from ..wiring.notify import build_all_sinks

    settings = load_settings(config)
    sinks = build_all_sinks(settings)
    names = [one.name for one in sinks]
    if not sinks or (sink is not None and sink not in names):
        raise SettingsError(
            f"[notify] has no receiver {sink!r}; it has {', '.join(names)}"
            if sinks
            else "[notify] has no receiver",
            hint="set notify.apprise_urls, alertmanager_url, webhook_url or kafka_topic",
        )
    templates = Templates(settings.notify.templates)
    answers = {
        one.name: _try_out(one, templates, example_notice(settings.stream.name, one.name))
        for one in sinks
        if sink in (None, one.name)
    }
    if as_json:
        print_json([{"sink": name, "error": error} for name, error in answers.items()])
    else:
        for name, error in answers.items():
            print_line(f"{name}: {error or 'accepted the example'}")
    if any(answers.values()):
        raise typer.Exit(1)


def _try_out(sink: Sink, templates: Templates, notice: Notice) -> str:
    """Return why *sink* did not take the notice, empty when it did."""
    from ..errors import NotificationUndelivered, TemplateFailed

    try:
        sink.send(templates.filled(notice, sink.name))
    except (NotificationUndelivered, TemplateFailed) as error:
        return str(error)
    finally:
        sink.close()
    return ""
