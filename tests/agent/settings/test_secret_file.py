"""A secret may come from a file, and neither it nor any other is ever shown."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from driftgauge.agent.command.__main__ import app
from driftgauge.agent.errors import SettingsError
from driftgauge.agent.settings.load import (
    load_settings,
    load_with_origins,
    secret_names,
    secret_values,
)

from .test_settings import MINIMAL, write

CANARY = "c4nary-hunter2"
URL = f"postgresql://me:{CANARY}@127.0.0.1:1/drift"


@pytest.fixture(autouse=True)
def _bare_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture(autouse=True)
def _keep_logging() -> Iterator[None]:
    """A command that runs here sets the logging up for itself."""
    root, package = logging.getLogger(), logging.getLogger("driftgauge")
    handlers, level, package_level = root.handlers[:], root.level, package.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    package.setLevel(package_level)


@pytest.fixture
def secret_file(tmp_path: Path) -> Path:
    path = tmp_path / "secret"
    path.write_text(f"{CANARY}\n")
    return path


ALL = [(section, name) for section, names in secret_names().items() for name in names]


@pytest.mark.parametrize(("section", "name"), ALL)
def test_every_secret_is_read_from_a_file(
    secret_file: Path, monkeypatch: pytest.MonkeyPatch, section: str, name: str
) -> None:
    if (section, name) == ("store", "url"):
        secret_file.write_text(URL)
    variable = f"DRIFTGAUGE_{section}__{name}_FILE".upper()
    monkeypatch.setenv(variable, str(secret_file))
    loaded = load_with_origins(write(MINIMAL))
    secret = getattr(getattr(loaded.settings, section), name)
    assert secret.get_secret_value() == secret_file.read_text().rstrip()
    assert loaded.origins[f"{section}.{name}"] == variable
    assert CANARY in secret_values(loaded.settings)


def test_the_settings_file_may_name_one_too_and_the_environment_wins(
    secret_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(MINIMAL + f'[kafka]\npassword_file = "{secret_file}"\n')
    loaded = load_with_origins(path)
    assert loaded.settings.kafka.password is not None
    assert loaded.settings.kafka.password.get_secret_value() == CANARY
    assert loaded.origins["kafka.password"] == f"{path}:7"
    monkeypatch.setenv("DRIFTGAUGE_KAFKA__PASSWORD", "other")
    kafka = load_settings(path).kafka
    assert kafka.password is not None
    assert kafka.password.get_secret_value() == "other"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, r"DRIFTGAUGE_KAFKA__PASSWORD_FILE: cannot read .*/none: No such file"),
        (b"", r"DRIFTGAUGE_KAFKA__PASSWORD_FILE: .*/none is empty"),
        (b"\xff\xfe", r"DRIFTGAUGE_KAFKA__PASSWORD_FILE: .*/none is not UTF-8 text"),
        (b"x" * 70_000, r"has 70000 bytes, wanted at most 65536"),
    ],
)
def test_a_file_that_holds_no_secret_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | None, message: str
) -> None:
    if content is not None:
        (tmp_path / "none").write_bytes(content)
    monkeypatch.setenv("DRIFTGAUGE_KAFKA__PASSWORD_FILE", str(tmp_path / "none"))
    with pytest.raises(SettingsError, match=message):
        load_settings(write(MINIMAL))


def test_a_secret_given_twice_in_one_place_is_refused(secret_file: Path) -> None:
    text = MINIMAL + f'[kafka]\npassword = "x"\npassword_file = "{secret_file}"\n'
    with pytest.raises(SettingsError, match=r"toml:8 and .*toml:7 are both set; keep one of them"):
        load_settings(write(text))


def test_only_secrets_come_from_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRIFTGAUGE_KAFKA__USERNAME_FILE", "/run/secrets/user")
    with pytest.raises(SettingsError, match=r"kafka\.username_file is not a setting"):
        load_settings(write(MINIMAL))


FAULTS = {
    "a value of the wrong type": f"[kafka]\npassword = ['{CANARY}']\n",
    "another setting is out of bounds": f"[kafka]\npassword = '{CANARY}'\nfetch_max_bytes = 1\n",
    "settings that contradict each other": f"[kafka]\npassword = '{CANARY}'\n"
    "security_protocol = 'SASL_SSL'\nsasl_mechanism = 'PLAIN'\n",
    "no database url": f"[store]\nurl = '{CANARY}'\n",
    "an unknown database": f"[store]\nurl = 'mysql://me:{CANARY}@db/x'\n",
    "a database that is away": f"[store]\nurl = '{URL}'\n",
    "a password in the query": "[store]\n"
    f"url = 'postgresql://127.0.0.1:1/drift?user=me&password={CANARY}'\n",
    "a key in a url": f"[store]\nurl = 'postgresql://me:{CANARY}@127.0.0.1:none/x'\n",
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("command", ["config", "status", "run", "db upgrade"])
def test_no_secret_is_ever_printed(
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    command: str,
    fault: str,
) -> None:
    from driftgauge.agent.command.__main__ import main

    write(MINIMAL + FAULTS[fault])
    monkeypatch.setattr("sys.argv", ["driftgauge", *command.split()])
    with pytest.raises(SystemExit) as left:
        main()
    shown = capfd.readouterr()
    assert command == "config" or left.value.code in (1, 2)
    assert shown.out + shown.err
    assert CANARY not in shown.out + shown.err + caplog.text


def test_the_effective_settings_show_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    write(MINIMAL)
    for section, name in ALL:
        value = URL if name == "url" else CANARY
        monkeypatch.setenv(f"DRIFTGAUGE_{section}__{name}".upper(), value)
    runner = CliRunner()
    as_json = runner.invoke(app, ["config", "--json"]).output
    table = runner.invoke(app, ["config"]).output
    assert CANARY not in as_json + table
    assert json.loads(as_json)["kafka"]["key_password"]["value"] == "**********"
    assert CANARY not in repr(load_settings())
