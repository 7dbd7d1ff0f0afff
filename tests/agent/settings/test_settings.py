"""Settings: their sources in order, their bounds, and errors that say what to do."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import get_args

import pytest
from pydantic import ValidationError

from driftgauge.agent.errors import SettingsError
from driftgauge.agent.settings.load import load_settings, load_with_origins, sections, setting_names
from driftgauge.agent.settings.reference import settings_markdown
from driftgauge.agent.settings.sample import sample_toml
from driftgauge.agent.settings.sections import DetectorSection, MonitorSection
from driftgauge.detector import LEAN, METHOD_KINDS, NORMALISER_KINDS

MINIMAL = """\
[stream]
name = "gate"
topic = "gate-frames"
[model]
source = "timm:resnet18"
"""
ROOT = Path(__file__).parents[3]
SAMPLE, PAGE = ROOT / "deploy" / "driftgauge.toml", ROOT / "docs" / "settings.md"


@pytest.fixture(autouse=True)
def _bare_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write(text: str) -> Path:
    path = Path("driftgauge.toml")
    path.write_text(text)
    return path


def refusal(text: str) -> str:
    with pytest.raises(SettingsError) as caught:
        load_settings(write(text))
    return str(caught.value)


def test_flags_win_over_environment_over_file_over_default(monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(MINIMAL + "[windows]\nseconds = 30\n[batch]\nmax_images = 8\n")
    monkeypatch.setenv("DRIFTGAUGE_BATCH__MAX_IMAGES", "9")
    monkeypatch.setenv("DRIFTGAUGE_STREAM__SEGMENTS", "camera, site")
    loaded = load_with_origins(path, flags={"stream": {"name": "door", "topic": None}})
    settings, origins = loaded.settings, loaded.origins
    assert (settings.stream.name, origins["stream.name"]) == ("door", "flag")
    assert (settings.stream.topic, origins["stream.topic"]) == ("gate-frames", f"{path}:3")
    assert settings.stream.segments == ("camera", "site")
    assert settings.batch.max_images == 9
    assert origins["batch.max_images"] == "DRIFTGAUGE_BATCH__MAX_IMAGES"
    assert (settings.windows.seconds, origins["windows.seconds"]) == (30, f"{path}:7")
    assert origins["flush.interval_seconds"] == "default"


def test_names_left_empty_follow_the_stream() -> None:
    kafka = load_settings(write(MINIMAL + '[kafka]\ngroup_id = ""\n')).kafka
    assert (kafka.group_id, kafka.dead_letter_topic) == ("driftgauge-gate", "gate-frames.dlq")


def test_a_setting_of_an_earlier_version_says_what_to_write_instead(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    old = write(MINIMAL + '[kafka]\nprofile = "embedded"\n')
    with pytest.raises(SettingsError, match=r"kafka.profile is no longer a setting: delete it"):
        load_settings(old)
    monkeypatch.setenv("DRIFTGAUGE_KAFKA__PROFILE", "embedded")
    with pytest.raises(SettingsError, match=r"_PROFILE: kafka.profile is no longer a setting"):
        load_settings(write(MINIMAL))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            MINIMAL + "[batch]\nmax_imges = 3\n",
            "driftgauge.toml:7: batch.max_imges is not a setting; did you mean batch.max_images?",
        ),
        (
            MINIMAL + "[windows]\nmax_images = 3\n",
            "driftgauge.toml:7: windows.max_images is not a setting; "
            "did you mean batch.max_images?",
        ),
        (
            MINIMAL + "[widows]\nseconds = 3\n",
            "driftgauge.toml:6: [widows] is not a section; did you mean [windows]?",
        ),
        (
            MINIMAL + "[windows]\n\nseconds = 0\n",
            "driftgauge.toml:8: windows.seconds = 0: "
            "Input should be greater than or equal to 1",
        ),
        (
            '[stream]\nname = "gate"\n[model]\nsource = "timm:resnet18"\n',
            "stream.topic is not set; set it in driftgauge.toml or as DRIFTGAUGE_STREAM__TOPIC",
        ),
        (
            MINIMAL + '[monitor]\nfalse_alarms = "rarely"\n',
            "driftgauge.toml:7: monitor.false_alarms: 'rarely' is not a budget; write how many "
            "false alarms in how long, such as '1 per 30 days' or '2 per week'",
        ),
        (
            MINIMAL + '[monitor]\nlearn = "1 fortnight"\n',
            "driftgauge.toml:7: monitor.learn: '1 fortnight' is not a duration; write a number "
            "and a unit, such as '1 day', '90 minutes' or '12 hours' "
            "(units: second, minute, hour, day, week, month, year)",
        ),
        (
            MINIMAL + "[monitor]\nidle_seconds = 6\n",
            "monitor.idle_seconds = 6 must be at least twice flush.interval_seconds = 5",
        ),
        (
            MINIMAL + '[monitor]\nfalse_alarms = "1 per 10 minutes"\n',
            "monitor.false_alarms = '1 per 10 minutes' is one in 10 windows of "
            "windows.seconds = 60",
        ),
        (
            MINIMAL + 'factory = "a.b:c"\n',
            "model.source or model.factory must be set, and not both; got "
            "source = 'timm:resnet18' and factory = 'a.b:c'",
        ),
        (
            MINIMAL.replace("[model]", "alpha = 0.04\n[model]"),
            "stream.alpha = 0.04 is not an edge of the p-value histogram",
        ),
        (
            MINIMAL + '[detector]\ncalibrate_by = "line"\n',
            "detector.calibrate_by = 'line' must be one of stream.segments = ['camera']",
        ),
        (
            MINIMAL + '[kafka]\nsecurity_protocol = "SASL_SSL"\n',
            "kafka.security_protocol = 'SASL_SSL' and kafka.sasl_mechanism = None do not match",
        ),
        (
            MINIMAL + '[kafka]\nsecurity_protocol = "SASL_SSL"\nsasl_mechanism = "PLAIN"\n',
            "kafka.sasl_mechanism = 'PLAIN' needs kafka.username and kafka.password; "
            "got username = None and no password",
        ),
        (
            MINIMAL + '[kafka]\nsecurity_protocol = "SASL_SSL"\nsasl_mechanism = "OAUTHBEARER"\n'
            'oauth_client_id = "me"\n',
            "kafka.sasl_mechanism = 'OAUTHBEARER' needs kafka.oauth_token_url, "
            "kafka.oauth_client_id and kafka.oauth_client_secret; got oauth_token_url = None, "
            "oauth_client_id = 'me' and no secret",
        ),
        (
            MINIMAL + '[kafka]\noauth_token_url = "http://login.internal/token"\n',
            "kafka.oauth_token_url = 'http://login.internal/token' would send the client's secret "
            "unencrypted",
        ),
        ("[stream\n", "driftgauge.toml is not valid TOML"),
    ],
)  # fmt: skip
def test_refusals_name_the_place_the_value_and_the_remedy(text: str, message: str) -> None:
    assert message in refusal(text)


def test_every_problem_is_told_at_once() -> None:
    message = refusal(MINIMAL + "[windows]\nseconds = 0\n[flush]\nintervall_seconds = 1\n")
    assert "windows.seconds" in message
    assert "did you mean flush.interval_seconds?" in message


def test_every_contradiction_is_told_at_once() -> None:
    message = refusal(
        MINIMAL + 'factory = "a.b:c"\n[monitor]\nidle_seconds = 6\n'
        '[kafka]\ndead_letter_topic = "gate-frames"\n'
    )
    told = ("model.source or model.factory", "monitor.idle_seconds = 6", "would be read again")
    assert [words in line for words, line in zip(told, message.splitlines(), strict=True)]
    assert len(message.splitlines()) == 3


def test_taps_that_go_before_a_first_detector_can_be_fitted_are_refused() -> None:
    message = refusal(
        MINIMAL + "[retrain]\nfit_on_new_model = true\n[keep]\nkeep_days = 1.5\n"
        '[monitor]\nlearn = "1 day"\n'
    )
    assert "keep.keep_days = 1.5 is shorter than monitor.learn = 1 days and a day" in message


def test_without_a_file_the_command_that_writes_one_is_named() -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings()
    first, *missing = str(caught.value).splitlines()
    assert first == f"there is no settings file driftgauge.toml in {Path.cwd()}"
    assert missing == [
        f"stream.{name} is not set; set it in driftgauge.toml or as DRIFTGAUGE_STREAM__{name.upper()}"
        for name in ("name", "topic")
    ]
    assert "`driftgauge init` writes driftgauge.toml" in caught.value.hint


def test_settings_may_stand_in_the_environment_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("STREAM__NAME", "a"), ("STREAM__TOPIC", "b"), ("MODEL__FACTORY", "c:d")):
        monkeypatch.setenv(f"DRIFTGAUGE_{name}", value)
    assert load_settings().stream.topic == "b"


def test_every_unknown_variable_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRIFTGAUGE_STREAM__TOPIK", "x")
    monkeypatch.setenv("DRIFTGAUGE_KAFKA__GRUPPE", "x")
    with pytest.raises(SettingsError, match=r"(?s)KAFKA__GRUPPE.*STREAM__TOPIK"):
        load_settings(write(MINIMAL))


def test_an_unknown_variable_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRIFTGAUGE_STREAM__TOPIK", "x")
    with pytest.raises(SettingsError, match=r"DRIFTGAUGE_STREAM__TOPIK: .*mean stream\.topic\?"):
        load_settings(write(MINIMAL))


def test_variables_without_a_section_are_not_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRIFTGAUGE_REQUIRE_SERVICES", "1")
    assert load_settings(write(MINIMAL)).stream.name == "gate"


def test_a_missing_file_names_the_command_that_writes_one() -> None:
    with pytest.raises(SettingsError, match=r"cannot read .*no\.toml") as caught:
        load_settings(Path("no.toml"))
    assert caught.value.hint == "`driftgauge init` writes one"


def test_a_password_is_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRIFTGAUGE_STORE__URL", "postgresql://me:hunter2@db/drift")
    settings = load_settings(write(MINIMAL))
    assert "hunter2" not in repr(settings)
    assert settings.store.masked_url() == "postgresql://me:***@db/drift"
    assert "hunter2" not in refusal(MINIMAL + "[windows]\nseconds = 0\n")


def test_the_sample_and_its_page_are_written_from_the_settings() -> None:
    assert SAMPLE.read_text() == sample_toml(), "run `make settings`"
    assert PAGE.read_text() == settings_markdown(), "run `make settings`"


def test_the_page_has_a_row_for_every_setting() -> None:
    rows = re.findall(
        r"^\| `(\w+)` \| .+ \| .+ \| `DRIFTGAUGE_(\w+?)__\w+` \|", PAGE.read_text(), re.M
    )
    known = [
        (name, section.upper()) for section, names in setting_names().items() for name in names
    ]
    assert rows == known


def test_the_sample_loads_and_gives_the_defaults() -> None:
    by_sample = load_settings(SAMPLE)
    minimal = MINIMAL.replace("gate-frames", "camera-frames").replace("gate", "camera-frames")
    own = minimal.replace('source = "timm:resnet18"', 'factory = "my_model:build_model"')
    by_default = load_settings(write(own))
    assert by_sample == by_default


def test_every_setting_is_in_the_sample_and_loads_when_uncommented() -> None:
    """Of two settings that exclude each other, the second one is left out."""
    text = sample_toml().replace("\n# source", "\n# other").replace("\n# every", "\n# other")
    text = text.replace('PLAINTEXT"\n', 'SASL_SSL"\n')
    bare = "\n".join(
        line.removeprefix("# ") if " = " in line else line for line in text.split("\n")
    )
    lines = [line for line in bare.split("\n") if not line.startswith(("#", "other"))]
    written = tomllib.loads("\n".join(lines))
    known = {name: set(names) for name, names in setting_names().items()}
    known["model"].discard("source")
    known["retrain"].discard("every")
    assert {name: set(values) for name, values in written.items()} == known
    load_settings(write("\n".join(lines)))


def test_every_setting_says_what_it_is() -> None:
    undocumented = [
        f"{name}.{key}"
        for name, section in sections().items()
        for key, field in section.model_fields.items()
        if not field.description
    ]
    assert undocumented == []


def test_the_methods_and_normalisers_are_the_detectors() -> None:
    fields = DetectorSection.model_fields
    assert get_args(fields["method"].annotation) == METHOD_KINDS
    assert set(get_args(fields["normaliser"].annotation)) == set(NORMALISER_KINDS)
    assert (fields["method"].default, fields["normaliser"].default) == (
        LEAN.method,
        LEAN.normaliser,
    )


@pytest.mark.parametrize(
    ("pattern", "why"), [("camera=(", "not a regular expression"), ("camera=.+", "has 0 groups")]
)
def test_a_site_is_a_regular_expression_with_one_group(pattern: str, why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        MonitorSection(site=pattern)
    assert MonitorSection(site=r"camera=(.+)-\d+").site
