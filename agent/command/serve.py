"""``driftgauge serve``: pages in a browser."""

from __future__ import annotations

from typing import Annotated

import typer

from .options import ConfigOption
from .reading import StoreOption
from .start import LogLevelOption


def register(app: typer.Typer) -> None:
    """Add the command to *app*."""
    app.command("serve")(serve)


def serve(
    *,
    host: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Address to listen on. Default: web.host.")
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(
            min=0, max=65535, metavar="PORT", help="Port; 0 for any. Default: web.port, 9465."
        ),
    ] = None,
    config: ConfigOption = None,
    store: StoreOption = None,
    log_level: LogLevelOption = None,
) -> None:
    """Serve pages: whether the stream is watched, its segments, alerts with their frames, detectors.

    Reads only the database: it works while agents run, and while none does. The pages only show,
    unless web.token or web.user_header in the settings lets people sign in to acknowledge, resolve,
    mute and promote. Ends at SIGTERM or Ctrl-C.

    Try:

    driftgauge serve

    driftgauge serve --store sqlite:///driftgauge.db --port 8080
    """
    from ..terminal.printing import print_line
    from ..web.page_server import address_of, need_packages, serve_pages
    from .start import start_reading

    need_packages()
    from ..web.web_opening import opened_pages

    settings = start_reading(config, store, log_level=log_level)
    with opened_pages(settings, store, host=host, port=port) as (app, listening):
        print_line(f"Pages at {address_of(listening)} (Ctrl-C ends them)")
        serve_pages(app, listening)
