"""One of ``[[notify.templates]]``: the words in which some receivers are told."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator

from ..message_template import check_template
from ..section import Section, Words

TemplateText = Annotated[str, BeforeValidator(check_template)]


class NotifyTemplate(Section):
    """The words in which some receivers are told of an alert; what is not set stays as it is."""

    sinks: Words = ("*",)
    """Receivers by name or by kind."""
    subject: TemplateText | None = None
    """The subject line, in Jinja."""
    body: TemplateText | None = None
    """The text, in Jinja."""
