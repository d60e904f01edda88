"""Your own Rust over the records of shards, imported as a module.

>>> import crawlrank.rust
>>> import my_analysis  # my_analysis.rs, compiled now and whenever it has changed
>>> my_analysis.run("wet/*.gz")

The file says what is done with a record and how two results become one, and names the crates that it
needs in a block at its top (`docs/tutorials` has whole ones). It is compiled in release mode, once for each
content, and kept in `cache_folder()`. A module that Python finds by itself, or a folder of that name, comes
before a `.rs`.

Needs a Rust toolchain and `pip install "crawlrank[rust]"`; the sources that files are built against are part
of the package. Crates of others come from their registry when they are first named; `CARGO_NET_OFFLINE=true`
keeps to those that are there.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from importlib.abc import MetaPathFinder
from importlib.machinery import EXTENSION_SUFFIXES, ExtensionFileLoader, ModuleSpec
from importlib.util import spec_from_file_location
from pathlib import Path
from types import ModuleType

from crawlrank._errors import CrawlrankError

TYPE_CHECKING = False  # that of `typing`, without its import
if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["BuildError", "cache_folder"]

_CARGO_MISSING = (
    "no Rust toolchain is installed, which compiles `{file}`; get Rust 1.85 or later from https://rustup.rs, "
    "or on Debian by `apt-get install cargo-web`"
)
_MATURIN_MISSING = (
    "maturin and its import hook are not installed, which build `{file}`; "
    'get them by `pip install "crawlrank[rust]"`'
)
# What a manifest begins with after the user's own block, so that the block may begin as it likes.
_MANIFEST = """
[package]
name = "{name}"
version = "0.0.0"
edition = "2024"
publish = false

[workspace]

[lib]
path = "{name}.rs"
crate-type = ["cdylib"]
"""
_PROFILE = """
[profile.release]
lto = "off" # a third less to wait for after an edit; the crates below are compiled apart anyway
strip = true

# Formats from foreign hands: arithmetic that overflows must stop, not wrap.
[profile.release.package.crawlrank-warc]
overflow-checks = true
"""
# The crates that a file may name in its block; the same as in `python/build.rs`.
_LIGHT = ("analysis", "links", "robots", "warc")
# Builds of a name that are kept, so that going back to an earlier text of a file needs none.
_KEPT = 20


class BuildError(CrawlrankError):
    """A Rust file could not be compiled: rustc's text, or what is missing. `path` is the file.

    Where nothing catches it, its text is shown alone, without the frames of the import.
    """

    exit = 2

    def _render_traceback_(self) -> list[str]:
        """What IPython and Jupyter show."""
        return str(self).splitlines()


def cache_folder() -> Path:
    """Where builds are kept: `$CRAWLRANK_RUST_CACHE`, else `crawlrank/rust` among the user's caches.

    All files share one folder of compiled crates in it, `target`, unless `CARGO_TARGET_DIR` names another.
    The folder may be removed at any time.
    """
    named = os.environ.get("CRAWLRANK_RUST_CACHE")
    if named:
        return Path(named).absolute()
    caches = os.environ.get("XDG_CACHE_HOME")
    return (Path(caches) if caches else Path.home() / ".cache") / "crawlrank" / "rust"


class _Finder(MetaPathFinder):
    """Finds `name.rs` in the folders where Python looks for `name.py`. It is asked last."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        name = fullname.rpartition(".")[2]
        for folder in sys.path if path is None else path:
            file = Path(folder, f"{name}.rs")
            if file.is_file():
                module = str(_module_of(file.absolute()))
                return spec_from_file_location(fullname, module, loader=_Loader(fullname, module))
        return None


class _Loader(ExtensionFileLoader):
    """Loads a built module. After `importlib.reload` it is the new one, unlike other extension modules."""

    _created: ModuleType | None = None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        self._created = super().create_module(spec)
        return self._created

    def exec_module(self, module: ModuleType) -> None:
        if self._created is module or module.__spec__ is None:
            return super().exec_module(module)
        new = self.create_module(module.__spec__)
        super().exec_module(new)
        own = {name: value for name, value in vars(new).items() if not name.startswith("__")}
        vars(module).update(own, __doc__=new.__doc__)
        return None


def _module_of(file: Path) -> Path:
    """Returns the module built of a file as it is now; builds it when there is none."""
    source = file.read_bytes()
    sources = _sources()
    digest = sha256(source)
    for part in (_digest(sources), _MANIFEST, _PROFILE, sys.platform, os.uname().machine, sys.abiflags):
        digest.update(b"\0" + part.encode())
    folder = cache_folder() / "modules" / file.stem / digest.hexdigest()[:32]
    return _built(folder, file.stem) or _build(file, source, sources, folder)


def _built(folder: Path, name: str) -> Path | None:
    paths = (folder / (name + suffix) for suffix in EXTENSION_SUFFIXES)
    return next((path for path in paths if path.is_file()), None)


def _sources() -> Path:
    """The workspace of the light crates: part of the wheel, or the checkout that this file is in."""
    beside = Path(__file__).resolve().parent / "sources"
    return beside if beside.is_dir() else Path(__file__).resolve().parents[3]


def _digest(sources: Path) -> str:
    """Of all files that a build may read: other crates, other module."""
    digest = sha256()
    crates = [sources / "crates" / name for name in _LIGHT]
    files = [file for crate in crates for file in (crate / "Cargo.toml", *sorted(crate.glob("src/**/*.rs")))]
    for file in [sources / "Cargo.toml", *files]:
        digest.update(b"%s\0%s\0" % (os.fsencode(file.relative_to(sources)), file.read_bytes()))
    return digest.hexdigest()


def _build(file: Path, source: bytes, sources: Path, folder: Path) -> Path:
    """Builds a file through maturin's import hook and keeps the module in the folder."""
    import shutil
    import tempfile

    try:
        text = source.decode()
    except UnicodeDecodeError as error:
        raise _error(file, f"{file.name}: not UTF-8 at byte {error.start}") from None
    exported = re.search(r"^\s*(?:crawlrank_analysis::)?export!\s*[({\[]\s*(\w+)", text, re.MULTILINE)
    if exported and exported[1] != file.stem:
        found = (
            f"{file.name}: `export!` names the module `{exported[1]}`, expected `{file.stem}`, as the file"
        )
        raise _error(file, found)
    cargo = shutil.which("cargo") or shutil.which("cargo", path=str(Path.home() / ".cargo" / "bin"))
    if cargo is None:
        raise _error(file, _CARGO_MISSING.format(file=file.name), "E-TOOLS")
    try:
        from crawlrank.rust import _hook
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("maturin_import_hook", "filelock"):
            raise
        raise _error(file, _MATURIN_MISSING.format(file=file.name), "E-TOOLS") from None
    maturin = shutil.which("maturin", path=str(Path(sys.executable).parent)) or shutil.which("maturin")
    if maturin is None:
        raise _error(file, _MATURIN_MISSING.format(file=file.name), "E-TOOLS")
    cache = cache_folder()
    cache.mkdir(parents=True, exist_ok=True)
    with _hook.locked(cache):
        made_meanwhile = _built(folder, file.stem)
        if made_meanwhile:
            return made_meanwhile
        if sources.name == "sources":
            sources = _own_copy(sources, cache)
        environment = {"PATH": os.pathsep.join([str(Path(cargo).parent), os.environ.get("PATH", "")])}
        if "CARGO_TARGET_DIR" not in os.environ:
            environment["CARGO_TARGET_DIR"] = str(cache / "target")
        project = {"Cargo.toml": _manifest(file.stem, text, sources), f"{file.stem}.rs": text}
        with _environment(environment), _note(file):
            built, output = _hook.build(file, project, sources / "Cargo.lock", cache, Path(maturin))
        if built is None:
            raise _error(file, _diagnostics(output))
        if warnings := _diagnostics(output, otherwise=""):
            print(warnings, file=sys.stderr)
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
            shutil.copy(built, scratch)
            shutil.rmtree(folder, ignore_errors=True)
            shutil.copytree(scratch, folder.with_suffix(".new"), dirs_exist_ok=True)
            folder.with_suffix(".new").replace(folder)
        builds = sorted(folder.parent.iterdir(), key=lambda build: build.stat().st_mtime)
        for old in builds[:-_KEPT]:
            shutil.rmtree(old, ignore_errors=True)
    return folder / built.name


def _own_copy(sources: Path, cache: Path) -> Path:
    """The sources of the wheel under a name of their content.

    Cargo tells by its time whether a file is a new one, and those of the next version may be older.
    """
    import shutil

    own = cache / "sources" / _digest(sources)[:32]
    if not own.is_dir():
        new = own.with_suffix(".new")
        shutil.rmtree(new, ignore_errors=True)
        shutil.copytree(sources, new)
        new.replace(own)
    return own


def _manifest(name: str, text: str, sources: Path) -> str:
    """The manifest: what the file's block says, and what every file needs."""
    block = _block(text)
    if block and not block.startswith("["):
        block = "[dependencies]\n" + block
    ours = {"crawlrank-analysis"}
    lines = []
    for line in block.splitlines():
        named = re.match(rf"(crawlrank-(?:{'|'.join(_LIGHT)}))\s*=", line)
        if named:
            ours.add(named[1])
        else:
            lines.append(line)
    parts = ["\n".join(lines) + "\n", _MANIFEST.format(name=name)]
    for crate in sorted(ours):
        path = sources / "crates" / crate.removeprefix("crawlrank-")
        features = '\nfeatures = ["python"]' if crate == "crawlrank-analysis" else ""
        parts.append(f"\n[dependencies.{crate}]\npath = {_quoted(str(path))}{features}\n")
    if "[profile.release" not in block:
        parts.append(_PROFILE)
    return "".join(parts)


def _block(text: str) -> str:
    """The lines between ```` ```cargo ```` and ```` ``` ```` in the comment `//!` that a file begins with."""
    lines: list[str] | None = None
    for line in text.splitlines():
        if not line.startswith("//!"):
            break
        content = line[3:].removeprefix(" ").rstrip()
        if lines is None:
            if content.strip() == "```cargo":
                lines = []
        elif content.strip() == "```":
            return "\n".join(lines).strip()
        else:
            lines.append(content)
    return ""


def _quoted(text: str) -> str:
    """A TOML string."""
    import json

    return json.dumps(text)


def _diagnostics(output: str, otherwise: str | None = None) -> str:
    """What rustc (or cargo) said, without what cargo and maturin say around it."""
    lines = re.sub(r"\x1b\[[0-9;]*m", "", output).splitlines()
    said = re.compile(r"(error|warning)(\[\w+\])?: ")
    around = re.compile(r"error: could not compile `|warning: `.*` \(lib\) generated|warning: build failed")
    begin = next((n for n, line in enumerate(lines) if said.match(line) and not around.match(line)), None)
    if begin is None:
        return output.strip() if otherwise is None else otherwise
    end = next(
        (n for n in range(begin, len(lines)) if around.match(lines[n]) or "💥" in lines[n]), len(lines)
    )
    # Cargo goes on after warnings.
    kept = [
        line
        for line in lines[begin:end]
        if not re.match(r"    ?\s*(Compiling|Finished|Building) |[📦🔗🐍]", line)
    ]
    return "\n".join(kept).strip()


def _error(file: Path, text: str, code: str = "E-BUILD") -> BuildError:
    return BuildError(text, code, str(file))


@contextmanager
def _environment(variables: dict[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextmanager
def _note(file: Path) -> Iterator[None]:
    """Says what is waited for, where somebody looks at it."""
    watched = sys.stderr is not None and sys.stderr.isatty()
    if watched or "ipykernel" in sys.modules or "marimo" in sys.modules:
        text = f"compiling {file.name} (for the first time a minute, then seconds)"
        print(f"\r{text}", end="", file=sys.stderr, flush=True)
        try:
            yield
        finally:
            print("\r" + " " * len(text) + "\r", end="", file=sys.stderr, flush=True)
    else:
        yield


def _install() -> None:
    if any(
        type(finder).__name__ == "_Finder" and type(finder).__module__ == __name__ for finder in sys.meta_path
    ):
        return
    sys.meta_path.append(_Finder())
    shown_before = sys.excepthook

    def show(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
        if isinstance(error, BuildError):
            print(error, file=sys.stderr)
        else:
            shown_before(kind, error, traceback)

    sys.excepthook = show


_install()
