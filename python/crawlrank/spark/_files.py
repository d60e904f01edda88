"""Files that a driver and its workers share: a folder on a file system that all of them see, or in an object
store."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from pyarrow import fs

if TYPE_CHECKING:
    from collections.abc import Iterator


class File(NamedTuple):
    """A file that lies elsewhere."""

    address: str
    bytes: int


def is_address(path: str) -> bool:
    """Whether it names a file by the address of a store, and not by a path."""
    return "://" in path and not path.startswith("file://")


def store(address: str) -> tuple[fs.FileSystem, str]:
    """The file system of an address, and the path there.

    Credentials are those of the environment, of a profile, or of the machine's role.
    """
    # Hadoop has three names for S3.
    scheme, _, rest = address.partition("://")
    if scheme in ("s3", "s3a", "s3n"):
        bucket = rest.partition("/")[0]
        if not bucket:
            raise ValueError(f"{address!r} names no bucket")
        endpoint = os.environ.get("AWS_ENDPOINT_URL")
        if endpoint:
            options = {"endpoint_override": endpoint}
        elif bucket == "commoncrawl":
            options = {"region": "us-east-1"}
        else:
            options = {"region": fs.resolve_s3_region(bucket)}
        return fs.S3FileSystem(**options), rest
    return fs.FileSystem.from_uri(address)


def files_of(address: str) -> Iterator[File]:
    """The file at an address, or the files below it at any depth, by path."""
    system, path = store(address)
    begin = (
        address[: len(address) - len(path)] if address.endswith(path) else address.partition("://")[0] + "://"
    )
    found = system.get_file_info(path.rstrip("/"))
    if found.type == fs.FileType.File:
        yield File(address, found.size)
        return
    if found.type == fs.FileType.NotFound:
        raise FileNotFoundError(f"{address}: there is no such file or folder")
    below = system.get_file_info(fs.FileSelector(found.path, recursive=True))
    for file in sorted(below, key=lambda file: file.path):
        if file.type == fs.FileType.File:
            yield File(begin + file.path, file.size)


class Folder:
    """A folder that Spark, its driver and its workers read and write. Only its address travels to workers."""

    def __init__(self, address: str | os.PathLike[str]) -> None:
        address = os.fspath(address)
        if address.startswith("file://"):
            address = address[len("file://") :]
        self.address = address.rstrip("/") if is_address(address) else str(Path(address).absolute())

    @property
    def is_local(self) -> bool:
        """Whether it is named by a path."""
        return not is_address(self.address)

    def at(self, name: str) -> str:
        """The address of what has this name in the folder, as Spark takes it."""
        return f"{self.address}/{name}" if not self.is_local else str(Path(self.address, name))

    def for_spark(self, name: str) -> str:
        """The same for Spark, which would look for a bare path in the cluster's own file system."""
        if any(character in self.address for character in "*?[]{}"):
            raise ValueError(
                f"{self.address}: Spark takes `*?[]{{}}` in a path for a pattern; choose another `work`"
            )
        return f"file://{self.at(name)}" if self.is_local else self.at(name)

    def _open(self, name: str) -> tuple[fs.FileSystem, str]:
        return store(self.at(name)) if not self.is_local else (fs.LocalFileSystem(), self.at(name))

    def read(self, name: str) -> bytes | None:
        """What the file holds; nothing when there is none."""
        system, path = self._open(name)
        if system.get_file_info(path).type != fs.FileType.File:
            return None
        with system.open_input_stream(path) as file:
            return file.read()

    def put(self, file: Path, name: str) -> None:
        """Moves a finished file of this machine into the folder: it is there whole, or not at all."""
        system, path = self._open(name)
        if not self.is_local:
            # A store shows a file when it is closed; other systems show what is there.
            is_store = isinstance(system, fs.S3FileSystem | fs.GcsFileSystem)
            beside = path if is_store else f"{path}.{uuid.uuid4().hex}.tmp"
            with file.open("rb") as source, system.open_output_stream(beside) as target:
                shutil.copyfileobj(source, target, 8 << 20)
            if not is_store:
                system.move(beside, path)
            file.unlink()
            return
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        # Tasks of several machines may do the same work.
        beside_it = Path(f"{path}.{uuid.uuid4().hex}.tmp")
        shutil.copyfile(file, beside_it)
        with beside_it.open("rb+") as copied:
            os.fsync(copied.fileno())
        beside_it.replace(path)
        file.unlink()

    def write(self, name: str, content: bytes) -> None:
        """Writes a small file in the same way."""
        with tempfile.TemporaryDirectory(prefix="crawlrank-") as folder:
            file = Path(folder, "file")
            file.write_bytes(content)
            self.put(file, name)

    def fetch(self, name: str, into: Path) -> Path:
        """A path of this machine at which the file can be read: in `into` where it lies elsewhere."""
        if self.is_local:
            return Path(self.at(name))
        copy = into / name
        if not copy.exists():
            system, path = self._open(name)
            copy.parent.mkdir(parents=True, exist_ok=True)
            beside = copy.with_name(f"{copy.name}.{uuid.uuid4().hex}.tmp")
            with system.open_input_stream(path) as source, beside.open("wb") as target:
                shutil.copyfileobj(source, target, 8 << 20)
            beside.replace(copy)
        return copy

    def names(self, below: str) -> list[str]:
        """The names of the files below one of its folders, sorted."""
        system, path = self._open(below)
        selector = fs.FileSelector(path, allow_not_found=True, recursive=True)
        found = (file.path for file in system.get_file_info(selector) if file.type == fs.FileType.File)
        return sorted(file[len(path) :].lstrip("/") for file in found)

    def remove(self, name: str) -> None:
        """Removes a file or folder, if it is there."""
        system, path = self._open(name)
        match system.get_file_info(path).type:
            case fs.FileType.File:
                system.delete_file(path)
            case fs.FileType.Directory:
                system.delete_dir(path)

    def remove_if_empty(self) -> None:
        """Removes the folder itself, where nothing is left in it."""
        if self.is_local:
            with contextlib.suppress(OSError):
                Path(self.address).rmdir()
