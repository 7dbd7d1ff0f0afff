"""People may choose the words, and no template keeps an alert from being told."""

from __future__ import annotations

import pytest

from driftgauge.agent.errors import SettingsError
from driftgauge.agent.notify.templates import MAX_BODY, Templates
from driftgauge.agent.settings.load import Settings
from driftgauge.agent.settings.message_template import NAMES
from driftgauge.agent.settings.sections.notify_template import NotifyTemplate
from driftgauge.storage import Store

from ...stores import alert
from .notices import RecordingSink, notice
from .site import Site


def templates(**words: str) -> Templates:
    return Templates([NotifyTemplate.model_validate({"sinks": ["slack"], **words})])


def test_a_template_may_use_what_is_listed_and_no_more() -> None:
    told = notice()
    assert {*told.values(), "title", "text"} == NAMES


def test_each_receiver_reads_its_own_words(store: Store) -> None:
    slack, webhook = RecordingSink("slack-1a2b3c"), RecordingSink("webhook")
    words = {"sinks": ["slack"], "subject": "{{ segment }}\n{{ kind }}", "body": "See: {{ text }}"}
    site = Site(store, slack, webhook, templates=[words])
    site.judge(alert())
    site.delivery.turn()
    assert slack.taken[0].title == "camera=3 opened"
    assert slack.taken[0].text == f"See: {webhook.taken[0].text}"
    assert webhook.taken[0].title.startswith("[warning] camera 3")


@pytest.mark.parametrize(
    "body",
    [
        "{{ layers[99].layer }}",
        "{{ 1 / 0 }}",
        "{{ ''.__class__.__mro__ }}",
        "{{ 'x' * 999999999 }}",
        "{{ 9 ** 9 ** 9 }}",
    ],
)
def test_a_template_that_fails_leaves_the_default_words_and_a_log_line(
    body: str, caplog: pytest.LogCaptureFixture
) -> None:
    told = templates(body=body).written(notice(), "slack-1a2b3c")
    assert told.text == notice().text
    assert "is told to slack-1a2b3c in the default words" in caplog.text


def test_a_template_without_end_is_cut() -> None:
    told = templates(body="{% for n in range(90000) %}{{ text }}{% endfor %}")
    assert len(told.filled(notice(), "slack").text) == MAX_BODY


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("{{ segmnt }}", "uses segmnt, which does not exist; there are alert, at, by"),
        ("one\n{% if %}", "line 2 of the template: "),
        ("{{ text | nofilter }}", "nofilter"),
    ],
)
def test_a_template_that_cannot_work_is_refused_with_the_settings(body: str, said: str) -> None:
    values = {
        "stream": {"name": "s", "topic": "t"},
        "model": {"source": "timm:resnet18"},
        "notify": {"templates": [{"body": body}]},
    }
    with pytest.raises((SettingsError, ValueError), match=said):
        Settings.model_validate(values)
