"""The one exception."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

import crawlrank as cr


def test_a_directory_that_is_no_run_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(cr.CrawlrankError) as caught:
        cr.open(tmp_path)
    assert caught.value.code == "E-USAGE"
    assert caught.value.path == str(tmp_path)
    assert caught.value.offset is None
    assert str(caught.value).endswith(f"{tmp_path}: not a run directory: it holds no `run.json`")
    file = tmp_path / "hosts.parquet"
    file.touch()
    for path, why in ((file, "but a file"), (tmp_path / "nothing", "there is none of that name")):
        with pytest.raises(cr.UsageError, match=why) as caught:
            cr.open(path)
        assert caught.value.path == str(path)


def test_it_is_an_oserror_and_a_valueerror() -> None:
    for kind in (OSError, ValueError):
        with pytest.raises(kind):
            cr.open("/nonexistent")


def test_it_survives_another_process() -> None:
    with pytest.raises(cr.CrawlrankError) as caught:
        cr.records("/nonexistent.warc.gz")
    copy = pickle.loads(pickle.dumps(caught.value))
    assert (str(copy), copy.code, copy.path, copy.offset) == (
        str(caught.value),
        caught.value.code,
        "/nonexistent.warc.gz",
        caught.value.offset,
    )


def test_a_path_of_any_bytes_comes_back(tmp_path: Path) -> None:
    odd = tmp_path / "a\udcffb\nc"
    with pytest.raises(cr.CrawlrankError) as caught:
        cr.open(odd)
    assert caught.value.path == str(odd)
    assert "\n" not in str(caught.value)
