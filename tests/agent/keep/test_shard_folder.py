from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from driftgauge.agent.errors import (
    KeptTapsDamaged,
    KeptTapsMissing,
    KeptTapsUnavailable,
)
from driftgauge.agent.keep.shard_folder import ShardFolder, shard_path

from ...stores import START

CONTENT = b"taps"
DIGEST = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture(params=["folder", "object store"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> ShardFolder:
    return ShardFolder(
        str(tmp_path / "kept") if request.param == "folder" else f"memory://{uuid4().hex}/kept"
    )


def test_a_file_is_read_as_written_and_gone_after_deletion(folder: ShardFolder) -> None:
    path = shard_path("line-3", START, DIGEST)
    folder.write(path, CONTENT)
    assert folder.read(path, sha256=DIGEST) == CONTENT
    folder.delete(path)
    folder.delete(path)
    with pytest.raises(KeptTapsMissing, match="is not there"):
        folder.read(path, sha256=DIGEST)


def test_a_changed_file_is_refused(folder: ShardFolder) -> None:
    path = shard_path("line-3", START, DIGEST)
    folder.write(path, b"others")
    with pytest.raises(KeptTapsDamaged, match="has the hash"):
        folder.read(path, sha256=DIGEST)


def test_files_are_listed_of_the_stream_alone(folder: ShardFolder) -> None:
    later = datetime.now(UTC) + timedelta(minutes=1)
    assert list(folder.paths("line-3", before=later)) == []
    ours, theirs = shard_path("line-3", START, DIGEST), shard_path("line-33", START, DIGEST)
    folder.write(ours, CONTENT)
    folder.write(theirs, CONTENT)
    assert list(folder.paths("line-3", before=later)) == [ours]
    assert list(folder.paths("line-3", before=later - timedelta(hours=1))) == []


def test_a_stream_of_any_name_has_a_folder(folder: ShardFolder) -> None:
    path = shard_path("../a b/ü", START, DIGEST)
    folder.write(path, CONTENT)
    assert ".." not in path.split("/")
    assert folder.read(path, sha256=DIGEST) == CONTENT


def test_what_cannot_be_written_is_an_error_that_says_where(tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("a file")
    folder = ShardFolder(str(tmp_path / "kept"))
    with pytest.raises(KeptTapsUnavailable, match=r"cannot write .*kept/stream=line-3"):
        folder.write(shard_path("line-3", START, DIGEST), CONTENT)


def test_a_url_of_an_unknown_kind_is_told() -> None:
    with pytest.raises(KeptTapsUnavailable, match="no URL that fsspec knows"):
        ShardFolder("nothing://bucket")
