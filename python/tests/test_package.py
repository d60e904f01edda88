"""What importing the package costs and brings, and whether its stubs tell the truth."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from importlib.metadata import distribution, version
from pathlib import Path

import pytest

import crawlrank as cr
from crawlrank import _core


def python(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=cwd)


def test_the_installed_wheel_is_tested_not_the_sources() -> None:
    assert "site-packages" in Path(cr.__file__).parts
    assert cr.__version__ == version("crawlrank")


def test_the_package_depends_on_nothing_and_is_typed() -> None:
    installed = distribution("crawlrank")
    assert all("extra == " in requirement for requirement in installed.requires or [])
    files = {str(file) for file in installed.files or []}
    assert {"crawlrank/py.typed", "crawlrank/_core.pyi"} <= files
    assert "crawlrank/_core.abi3.so" in files


def test_import_brings_no_third_party_module() -> None:
    done = python("-I", "-c", "import crawlrank, sys; print(*{m.split('.')[0] for m in sys.modules})")
    foreign = set(done.stdout.split()) - set(sys.stdlib_module_names) - {"crawlrank"}
    # What site's .pth files load is there before us.
    before = set(
        python("-I", "-c", "import sys; print(*{m.split('.')[0] for m in sys.modules})").stdout.split()
    )
    assert done.returncode == 0, done.stderr
    assert foreign - before == set()


def test_import_takes_at_most_15_milliseconds() -> None:
    def import_milliseconds() -> float:
        done = python("-I", "-X", "importtime", "-c", "import crawlrank")
        found = re.search(r"\|\s+(\d+) \| crawlrank$", done.stderr, re.MULTILINE)
        assert found, done.stderr
        return int(found[1]) / 1000

    # The best of some: the machine may be busy, and the first reads the file from the disk.
    assert min(import_milliseconds() for _ in range(7)) < 15


def test_submodules_wait_until_they_are_used() -> None:
    code = "import sys, crawlrank as cr; print('crawlrank.robots' in sys.modules, cr.robots.__name__)"
    assert python("-I", "-c", code).stdout.split() == ["False", "crawlrank.robots"]
    assert "robots" in dir(cr) and "Protego" in dir(cr.robots)
    code = "import sys, crawlrank.robots; print({'crawlrank._protego', 'datetime'} & sys.modules.keys())"
    assert python("-I", "-c", code).stdout == "set()\n"
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        cr.nothing  # type: ignore[attr-defined]  # noqa: B018


def test_stubs_agree_with_the_module(tmp_path: Path) -> None:
    # `crawlrank.spark` is plain Python, for those who have Spark.
    (tmp_path / "mypy.ini").write_text("[mypy]\nignore_missing_imports = true\n")
    (tmp_path / "allowed").write_text("crawlrank\\.spark.*\n")
    flags = ("--mypy-config-file", "mypy.ini", "--allowlist", "allowed", "--ignore-unused-allowlist")
    done = python("-m", "mypy.stubtest", "crawlrank", *flags, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


def test_stubs_and_module_have_the_same_documentation() -> None:
    def documented(node: ast.AST, owner: object) -> None:
        for child in ast.iter_child_nodes(node):
            if not isinstance(child, ast.FunctionDef | ast.ClassDef):
                continue
            documentation = ast.get_docstring(child)
            if documentation is not None:
                native = getattr(owner, child.name).__doc__ or ""
                assert native.split() == documentation.split(), child.name
            if isinstance(child, ast.ClassDef) and not child.name.startswith("_"):
                documented(child, getattr(owner, child.name))

    stubs = Path(cr.__file__).with_name("_core.pyi")
    documented(ast.parse(stubs.read_text(encoding="utf-8")), _core)


def test_users_of_the_stubs_type_check(tmp_path: Path) -> None:
    script = tmp_path / "user.py"
    script.write_text(
        "import crawlrank as cr\n"
        "rows: int = len(cr.open('out').ranks().top(20))\n"
        "urls: list[str | None] = [record.url for record in cr.records('a.warc.gz')]\n"
        "host: str = next(cr.records('a.warc.gz')).header.get('Host', '')\n"
        "rules = cr.robots.parse(b'')\n"
        "allowed: bool = rules.allowed('CCBot', '/')\n"
        "fetch: bool = cr.robots.Protego.parse('').can_fetch('/', 'CCBot')\n"
        "several: list[bool] = rules.allowed_many('CCBot', ['/'])\n"
        "column: cr.Column = rules.allowed_many('CCBot', cr.open('out').hosts())\n"
        "try:\n    cr.open('nothing')\nexcept cr.CrawlrankError as e:\n    place: int | None = e.offset\n"
    )
    done = python("-m", "mypy", "--strict", "--no-incremental", str(script), cwd=tmp_path)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("name", cr.__all__)
def test_everything_exported_is_there_and_explained(name: str) -> None:
    exported = getattr(cr, name)
    assert name == "__version__" or exported.__doc__


@pytest.mark.parametrize("name", cr.robots.__all__)
def test_everything_of_robots_is_there_and_explained(name: str) -> None:
    assert getattr(cr.robots, name).__doc__
