"""``driftgauge dlq``: the messages that could not be used, and sending them again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .options import ConfigOption, JsonOption
from .start import LogLevel, LogLevelOption, start

if TYPE_CHECKING:
    from ..settings.load import Settings
    from ..stream.letter import Letter
    from ..stream.letter_box import LetterBox
    from ..stream.letter_choice import Choice, Found
    from ..stream.replay import Outcome

EXIT_REFUSED = 3

ReasonOption = Annotated[
    str | None,
    typer.Option(
        metavar="TEXT",
        help="Only dead letters whose error or message contains this, such as EventFetchError.",
    ),
]
SinceOption = Annotated[
    str | None,
    typer.Option(metavar="TIME", help="Only messages from then on: '2 hours' or a date and time."),
]


def register(app: typer.Typer) -> None:
    """Add the group of commands to *app*."""
    group = typer.Typer(
        help="List dead letters (messages that could not be used), and send them again.",
        no_args_is_help=True,
    )
    group.command("list")(list_letters)
    group.command("replay")(replay_letters)
    app.add_typer(group, name="dlq")


def list_letters(
    *,
    reason: ReasonOption = None,
    since: SinceOption = None,
    limit: Annotated[int, typer.Option(min=1, help="At most this many, the newest.")] = 50,
    config: ConfigOption = None,
    log_level: LogLevelOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the messages in the dead-letter topic: when, from where, why, how large.

    Try:

    driftgauge dlq list --reason EventFetchError --since '1 day'
    """
    from ..stream.letter_choice import Choice
    from ..terminal.printing import print_json
    from .reading import parse_since

    choice = Choice(reason, parse_since(since))
    with _opened(config, log_level) as (settings, box):
        found = _look(box, choice, limit=limit)
    rows = [row | {"replayed": row["letter"] in found.replayed} for row in found.chosen]
    if as_json:
        print_json({"letters": rows, "total": found.n_chosen, "reasons": dict(found.reasons)})
    else:
        _print_letters(settings.kafka.dead_letter_topic, rows, found)


def replay_letters(
    *,
    reason: ReasonOption = None,
    since: SinceOption = None,
    letter: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME", help="Only this one, as `dlq list` names it; may be repeated."
        ),
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="Send at most this many, the oldest first.")
    ] = None,
    max_attempts: Annotated[
        int,
        typer.Option(
            min=1,
            help="Do not send a message that already had this many attempts, including the first.",
        ),
    ] = 3,
    again: Annotated[
        bool, typer.Option(help="Also send those that were already replayed.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option(help="Count what would be sent, and send nothing.")
    ] = False,
    config: ConfigOption = None,
    log_level: LogLevelOption = None,
    as_json: JsonOption = False,
) -> None:
    """Send messages from the dead-letter topic back to the topic that they came from.

    Everyone who reads that topic gets them again, your model too. Each is sent untouched, to its
    own partition, with the header dlq_attempt raised; one that fails again becomes a letter again.
    Which letters were sent is noted in the dead-letter topic, so that the next replay leaves them.

    Exit code 0 when all that were chosen are sent or were sent before, 3 when some are refused
    (tried too often, too large to be kept, from another topic), 1 when the broker failed.

    Try:

    driftgauge dlq replay --reason EventFetchError --dry-run
    """
    from ..stream.letter_choice import Choice
    from ..terminal.printing import print_json
    from .reading import parse_since

    choice = Choice(reason, parse_since(since), frozenset(letter or ()))
    with _opened(config, log_level) as (settings, box):
        replayed = _look(box, choice, limit=1).replayed
        outcome = _replay(
            settings, box, choice, replayed=replayed, limit=limit, max_attempts=max_attempts,
            again=again, dry_run=dry_run,
        )  # fmt: skip
    if as_json:
        print_json(asdict(outcome) | {"dry_run": dry_run})
    else:
        _print_outcome(outcome, settings.stream.topic, dry_run=dry_run, max_attempts=max_attempts)
    if outcome.refused:
        raise typer.Exit(EXIT_REFUSED)


@contextmanager
def _opened(
    config: Path | None, log_level: LogLevel | None
) -> Iterator[tuple[Settings, LetterBox]]:
    settings = start(config, log_level=log_level or LogLevel.WARNING, is_quiet=True)

    from ..stream.letter_box import open_letter_box
    from ..wiring.kafka import build_connection

    with open_letter_box(build_connection(settings), settings.kafka.dead_letter_topic) as box:
        yield settings, box


def _look(box: LetterBox, choice: Choice, *, limit: int) -> Found:
    from ..stream.letter_choice import look

    with _progress("Reading dead letters", box.n_records) as advance:
        return look(box, choice, limit=limit, on_record=advance)


def _replay(
    settings: Settings,
    box: LetterBox,
    choice: Choice,
    *,
    replayed: set[str],
    limit: int | None,
    max_attempts: int,
    again: bool,
    dry_run: bool,
) -> Outcome:
    from ..stream.letter import read_letter
    from ..stream.replay import Sorting, replay
    from ..wiring.kafka import build_connection

    topic = settings.stream.topic
    sorting = Sorting(topic, max_attempts, frozenset(replayed), again)

    def going() -> Iterator[Letter]:
        n_given = 0
        letters = filter(None, map(read_letter, box.records()))
        for letter in letters:
            if n_given == limit:
                return
            if choice.has(letter) and sorting.may_go(letter):
                n_given += 1
                yield letter

    if dry_run:
        sorting.outcome.sent = sum(1 for _ in going())
        return sorting.outcome
    with _progress("Sending again", limit) as advance:
        return replay(
            build_connection(settings), going(), topic=topic, outcome=sorting.outcome,
            dead_letter_topic=settings.kafka.dead_letter_topic, on_letter=advance,
        )  # fmt: skip


@contextmanager
def _progress(words: str, total: int | None) -> Iterator[Callable[[], None]]:
    from rich.console import Console

    from ..terminal.progress import progress_bars

    with progress_bars(Console(stderr=True), transient=True) as bars:
        task = bars.add_task(words, total=total)
        yield lambda: bars.advance(task)


def _print_letters(topic: str, rows: list[dict[str, object]], found: Found) -> None:
    from ..terminal.printing import print_line, when
    from ..terminal.table import Column, print_table

    if not rows:
        print_line(
            f"No dead letters in {topic} match."
            if found.reasons
            else f"No dead letters in {topic}."
        )
        return
    columns = (
        *(Column("letter"), Column("time (UTC)", rank=1), Column("from", rank=3, folds=True)),
        *(Column("error", rank=2), Column("bytes", "right", rank=4)),
        *(Column("tried", "right", rank=5), Column("reason", folds=True)),
    )
    table = [
        (
            f"{row['letter']}{' (replayed)' if row['replayed'] else ''}",
            when(row["time"] if isinstance(row["time"], datetime) else None),
            f"{row['topic']}/{row['partition']}@{row['offset']}",
            str(row["error"]),
            f"{row['bytes']}{'' if row['is_kept'] else ' (not kept)'}",
            str(row["attempt"]),
            str(row["message"]),
        )
        for row in rows
    ]
    print_table(f"Dead letters in {topic}", columns, table)
    counts = ", ".join(f"{count} {error}" for error, count in found.reasons.most_common())
    print_line(f"{found.n_chosen} in all ({counts}); the newest {len(rows)} are shown.")


def _print_outcome(outcome: Outcome, topic: str, *, dry_run: bool, max_attempts: int) -> None:
    from ..terminal.printing import print_line

    verb = "would be sent" if dry_run else "sent"
    print_line(f"{outcome.sent} {verb} to {topic}.")
    for count, words in (
        (outcome.replayed, "not sent: already replayed (--again sends them)"),
        (outcome.worn_out, f"not sent: {max_attempts} attempts or more (--max-attempts)"),
        (outcome.dropped, "not sent: the value was too large to be stored"),
        (outcome.foreign, "not sent: from a topic of another stream"),
    ):
        if count:
            print_line(f"{count} {words}.")
