"""The importer of maturin's hook, told to build what `crawlrank.rust` asks for."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock
from maturin_import_hook.error import ImportHookError
from maturin_import_hook.rust_file_importer import MaturinRustFileImporter
from maturin_import_hook.settings import MaturinSettings


@contextmanager
def locked(cache: Path) -> Iterator[None]:
    """One build at a time: all share a target folder. Waits for the builds of other processes."""
    with FileLock(cache / "lock"):
        yield


def build(
    file: Path, project: dict[str, str], lockfile: Path, cache: Path, maturin: Path
) -> tuple[Path | None, str]:
    """Builds a project in release mode.

    Returns:
        The module, `None` where it could not be built, and what maturin said when there is something to say.
    """
    importer = _Importer(project, lockfile, cache / "projects", maturin)
    with _log() as said:
        try:
            # Under a name that nobody has imported: the hook makes nothing new of a module that is there.
            spec = importer.find_spec(f"{__name__}.{file.stem}", [str(file.parent)])
        except ImportHookError as error:
            return None, "\n".join(said) or str(error)
    if spec is None or spec.origin is None:
        return None, "\n".join(said) or "maturin built nothing"
    return Path(spec.origin), "\n".join(said)


class _Importer(MaturinRustFileImporter):
    """Builds a file always: whether there is a module of it was looked up before."""

    def __init__(self, project: dict[str, str], lockfile: Path, folder: Path, maturin: Path) -> None:
        super().__init__(
            settings=MaturinSettings(release=True, color=False, auditwheel="skip"),
            build_dir=folder,
            enable_reloading=False,
            force_rebuild=True,
            lock_timeout_seconds=None,
        )
        self._project = project
        self._lockfile = lockfile
        self._maturin = maturin

    def find_maturin(self) -> Path:
        return self._maturin

    def generate_project_for_single_rust_file(
        self, module_path: str, project_dir: Path, rust_file: Path, settings: MaturinSettings
    ) -> Path:
        project_dir.mkdir(parents=True, exist_ok=True)
        for name, text in self._project.items():
            path = project_dir / name
            # What has not changed keeps its time, so that cargo sees nothing new.
            if not path.is_file() or path.read_text(encoding="utf-8") != text:
                path.write_text(text, encoding="utf-8")
        # The versions that the crates were tested with; cargo adds what the file needs besides.
        if not (project_dir / "Cargo.lock").exists() and self._lockfile.is_file():
            shutil.copy(self._lockfile, project_dir)
        return project_dir


class _Listener(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append(record.getMessage())


@contextmanager
def _log() -> Iterator[list[str]]:
    """What the hook says goes to the caller: it writes maturin's output into its log, and nowhere else."""
    logger = logging.getLogger("maturin_import_hook")
    listener = _Listener()
    before, level, propagates = logger.handlers, logger.level, logger.propagate
    logger.handlers, logger.propagate = [listener], False
    logger.setLevel(logging.WARNING)
    try:
        yield listener.said
    finally:
        logger.handlers, logger.propagate = before, propagates
        logger.setLevel(level)
