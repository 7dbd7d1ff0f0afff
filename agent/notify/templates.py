"""Fills in the templates of messages, and falls back on the default text where one fails."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ..errors import TemplateFailed
from ..log import action
from ..settings.message_template import template_environment
from ..settings.sections.notify_template import NotifyTemplate
from .notice import Notice
from .routing import is_named

log = logging.getLogger(__name__)

MAX_SUBJECT = 250
MAX_BODY = 20_000


class Templates:
    """The templates of the settings; for each receiver the first that names it counts."""

    def __init__(self, templates: Sequence[NotifyTemplate] = ()) -> None:
        self._templates = tuple(templates)

    def filled(self, notice: Notice, sink: str) -> Notice:
        """Return *notice* in the words of its template.

        Raises:
            TemplateFailed: with the reason.
        """
        found = [one for one in self._templates if any(is_named(sink, p) for p in one.sinks)]
        if not found:
            return notice
        names = {**notice.values(), "title": notice.title, "text": notice.text}
        template = found[0]
        return replace(
            notice,
            subject=" ".join(_filled(template.subject, names, MAX_SUBJECT).split()),
            body=_filled(template.body, names, MAX_BODY),
        )

    def written(self, notice: Notice, sink: str) -> Notice:
        """Return *notice* in the words of its template, or in the default ones with a log line."""
        try:
            return self.filled(notice, sink)
        except TemplateFailed as error:
            log.warning(
                "alert %s is told to %s in the default words: %s",
                *(notice.alert.id, sink, error),
                extra=action("template_failed", sink=sink),
            )
            return notice


def _filled(text: str | None, names: Mapping[str, Any], most: int) -> str:
    if text is None:
        return ""
    try:
        parts = template_environment().from_string(text).generate(names)
        return "".join(_bounded(parts, most))
    except Exception as error:  # whatever a template does, the alert is told
        reason = f"{type(error).__name__}: {error}"
        raise TemplateFailed(f"the template of notify.templates fails: {reason}") from error


def _bounded(parts: Iterator[str], most: int) -> Iterator[str]:
    """Yield *parts* up to *most* characters, and end the template there."""
    for part in parts:
        yield part[:most]
        most -= len(part)
        if most <= 0:
            return
