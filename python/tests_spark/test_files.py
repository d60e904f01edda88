"""The folder that driver and workers share: the same by a path and by the address of a store."""

from __future__ import annotations

from pathlib import Path

import pytest
from pyarrow import fs

from crawlrank.spark import _files


class Store(fs.SubTreeFileSystem):
    """A file is there when it is closed, and would be moved by copying it."""

    def move(self, src: str, dest: str) -> None:
        raise AssertionError(f"{src} is moved to {dest}")


@pytest.fixture(params=["path", "file://", "store", "s3"])
def folder(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> _files.Folder:
    """A folder by each kind of address; what lies at `x://` lies below the folder of the test."""
    if request.param == "path":
        return _files.Folder(tmp_path)
    if request.param == "file://":
        return _files.Folder(f"file://{tmp_path}")
    local = fs.SubTreeFileSystem(str(tmp_path), fs.LocalFileSystem())
    (tmp_path / "bucket").mkdir()

    def store(address: str) -> tuple[fs.FileSystem, str]:
        return local, address.removeprefix("x://")

    monkeypatch.setattr(_files, "store", store)
    if request.param == "s3":
        local = Store(str(tmp_path), fs.LocalFileSystem())
        monkeypatch.setattr(_files.fs, "S3FileSystem", Store)
    return _files.Folder("x://bucket/")


def test_a_folder_keeps_what_is_put_into_it(folder: _files.Folder, tmp_path: Path) -> None:
    assert folder.read("list.json") is None
    assert folder.names("stage") == []
    folder.write("list.json", b"[1]")
    folder.write("list.json", b"[1, 2]")
    assert folder.read("list.json") == b"[1, 2]"
    new = tmp_path / "new"
    for number, content in enumerate((b"first", b"second")):
        new.write_bytes(content)
        if not folder.is_local:
            folder._open("stage")[0].create_dir("bucket/stage")
        folder.put(new, f"stage/{number}")
        assert not new.exists()
    assert folder.names("stage") == ["0", "1"]
    fetched = folder.fetch("stage/1", tmp_path / "scratch")
    assert fetched.read_bytes() == b"second"
    if not folder.is_local:  # a copy is made once
        folder.write("stage/1", b"other")
        assert folder.fetch("stage/1", tmp_path / "scratch").read_bytes() == b"second"
    for name in ("stage", "list.json", "list.json"):
        folder.remove(name)
    assert folder.read("list.json") is None
    assert folder.names("stage") == []


def test_files_below_an_address_are_listed_with_their_lengths(tmp_path: Path) -> None:
    (tmp_path / "a/b").mkdir(parents=True)
    (tmp_path / "a/one").write_bytes(b"1")
    (tmp_path / "a/b/two").write_bytes(b"22")
    found = [*_files.files_of(f"file://{tmp_path}/a")]
    assert [(file.address.rpartition("/a/")[2], file.bytes) for file in found] == [("b/two", 2), ("one", 1)]
    assert [*_files.files_of(found[1].address)] == [found[1]]
    with pytest.raises(FileNotFoundError, match="no such file or folder"):
        [*_files.files_of(f"file://{tmp_path}/c")]
