"""Checks of who is told of alerts; nothing is sent."""

from __future__ import annotations

from ..errors import SettingsError, TemplateFailed
from ..notify.routing import Routing
from ..notify.sample_notice import example_notice
from ..notify.templates import Templates
from ..wiring.notify import build_all_sinks
from .diagnosis import Diagnosis, doubtful, failed, fine
from .patient import Patient


def check_receivers(patient: Patient) -> Diagnosis:
    """Is anybody told, do the routes name who exists, and can the templates be filled in?"""
    settings = patient.settings
    notify, stream = settings.notify, settings.stream.name
    try:
        sinks = build_all_sinks(settings)
        names = [sink.name for sink in sinks]
        Routing(notify, names)
        for name in names:
            Templates(notify.templates).filled(example_notice(stream, name), name)
    except (SettingsError, TemplateFailed) as error:
        return failed(str(error), error.hint or "correct the section notify")
    for sink in sinks:
        sink.close()
    if not names:
        return doubtful(
            "nobody is told of alerts; they are rows in the database only",
            "set notify.apprise_urls, alertmanager_url, webhook_url or kafka_topic",
        )
    return fine(f"{', '.join(names)}; `driftgauge notify test` sends each an example")
