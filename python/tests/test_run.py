"""`crawlrank.run`, and what a run is asked by name."""

from __future__ import annotations

import fcntl
import inspect
import json
import pickle
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import polars as pl
import pyarrow as pa
import pytest

import crawlrank as cr

Command = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="session")
def shards(tmp_path_factory: pytest.TempPathFactory, command: Command) -> Path:
    folder = tmp_path_factory.mktemp("shards")
    synth = ("--shards", 3, "--pages", 40, "--hosts", 100, "--seed", 11, "--kind", "wat")
    done = command("synth", "--out", folder, *synth)
    assert done.returncode == 0, done.stderr
    return folder


def wat(shards: Path) -> list[Path]:
    found = sorted(shards.rglob("*.wat.gz"))
    assert found
    return found


def test_it_makes_what_the_command_makes(shards: Path, tmp_path: Path, command: Command) -> None:
    ours = cr.run(
        *wat(shards), out=tmp_path / "ours", harmonic_log2m=6, level=["host", "domain"], memory="256M"
    )
    done = command(
        "run", *wat(shards), "--out", tmp_path / "theirs", "--harmonic-log2m", 6, "--level", "host,domain"
    )
    assert done.returncode == 0, done.stderr
    theirs = cr.open(tmp_path / "theirs")
    assert ours.complete and ours.run_id == theirs.run_id
    for table in ("hosts", "domains", "edges", "shards", "faults"):
        assert pa.table(getattr(ours, table)()).equals(pa.table(getattr(theirs, table)())), table
    again = cr.run(*wat(shards), out=tmp_path / "ours", harmonic_log2m=6, progress=False)
    assert again.run_id == ours.run_id


class _Shards(SimpleHTTPRequestHandler):
    def log_message(self, *arguments: object) -> None:
        pass


def test_shards_may_lie_on_a_server(shards: Path, tmp_path: Path) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Shards, directory=shards))
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        base = f"http://127.0.0.1:{server.server_port}/"
        urls = [base + path.relative_to(shards).as_posix() for path in wat(shards)]
        remote = cr.run(*urls, out=tmp_path / "remote", no_harmonic=True)
        paths = tmp_path / "wat.paths"
        paths.write_text("".join(f"{path.relative_to(shards).as_posix()}\n" for path in wat(shards)))
        listed = cr.run(paths, out=tmp_path / "listed", no_harmonic=True, base_url=base, limit=3)
        with pytest.raises(cr.RefusedError, match="404"):
            cr.run(base + "gone.warc.wat.gz", out=tmp_path / "gone")
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
    local = cr.run(*wat(shards), out=tmp_path / "local", no_harmonic=True)
    for table in ("hosts", "edges", "shards", "faults"):
        here = pa.table(getattr(local, table)())
        assert here.equals(pa.table(getattr(remote, table)())), table
        assert here.equals(pa.table(getattr(listed, table)())), table


def test_its_arguments_are_the_options_of_the_command(command: Command) -> None:
    ours = {name.replace("_", "-") for name in inspect.signature(cr.run).parameters} - {"inputs", "progress"}
    listed = set(re.findall(r"^ +(?:-\w, )?--([a-z0-9-]+)", command("run", "--help").stdout, re.MULTILINE))
    everywhere = {"quiet", "verbose", "log-format", "no-progress", "color", "output", "help", "dry-run"}
    assert ours == listed - everywhere


def test_progress_is_told(shards: Path, tmp_path: Path) -> None:
    told: list[tuple[str, int, int, str, str]] = []
    cr.run(
        *wat(shards),
        out=tmp_path / "run",
        harmonic_log2m=12,
        progress=lambda *seen: told.append(seen),
    )
    stages = {stage for stage, *_ in told}
    assert stages, "a run takes longer than the time between two looks"
    assert all(done >= 0 and unit for _, done, _, unit, _ in told)


def test_who_is_told_may_stop_it(shards: Path, tmp_path: Path) -> None:
    def stop(*_: object) -> None:
        raise LookupError("seen enough")

    with pytest.raises(LookupError, match="seen enough"):
        cr.run(*wat(shards), out=tmp_path / "run", harmonic_log2m=14, progress=stop)
    assert cr.run(*wat(shards), out=tmp_path / "run", harmonic_log2m=14).complete


def test_a_notebook_gets_a_line(
    shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "ipykernel", sys)
    cr.run(*wat(shards), out=tmp_path / "run", harmonic_log2m=12)
    shown = capsys.readouterr().err
    assert "[#" in shown or "[-" in shown
    assert shown.endswith("\r")


def test_ctrl_c_raises_and_the_same_call_goes_on(shards: Path, tmp_path: Path) -> None:
    code = (
        "import sys, crawlrank as cr\n"
        "try:\n"
        "    run = cr.run(sys.argv[1], out=sys.argv[2], harmonic_log2m=14)\n"
        "except KeyboardInterrupt:\n"
        "    sys.exit('interrupted')\n"
        "print(run.complete)\n"
    )
    out = tmp_path / "run"
    command = [sys.executable, "-c", code, str(shards), str(out)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        while not (out / "run.json").exists() and process.poll() is None:
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        _, messages = process.communicate(timeout=120)
    assert (process.returncode, messages) == (1, "interrupted\n")
    assert not cr.open(out).complete
    again = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (again.returncode, again.stdout) == (0, "True\n"), again.stderr


def test_what_was_lost_is_warned_of(shards: Path, tmp_path: Path) -> None:
    whole = wat(shards)[0].read_bytes()
    damaged = tmp_path / "damaged.wat.gz"
    middle = len(whole) // 2
    damaged.write_bytes(whole[:middle] + bytes([whole[middle] ^ 0xFF]) + whole[middle + 1 :])
    with pytest.warns(UserWarning, match=r"1 faults, \d+ bytes lost"):
        run = cr.run(damaged, out=tmp_path / "run", no_harmonic=True)
    assert len(run.faults()) == 1
    with pytest.raises(cr.RefusedError) as caught:
        cr.run(damaged, out=tmp_path / "strict", no_harmonic=True, strict=True)
    assert caught.value.exit == 4


def test_shards_without_a_page_are_warned_of(tmp_path: Path, command: Command) -> None:
    done = command("synth", "--out", tmp_path, "--shards=1", "--pages=3", "--hosts=9", "--kind=robots")
    assert done.returncode == 0, done.stderr
    captures = sorted(tmp_path.rglob("*.warc.gz"))
    with pytest.warns(UserWarning, match=r"no page in \d+ records: .* want `--kind warc`"):
        cr.run(*captures, out=tmp_path / "run", no_harmonic=True)
    done = command("links", *captures, "--out", tmp_path / "links")
    assert done.returncode == 0
    assert "no page in" in done.stderr


def test_errors_are_of_the_kind_of_the_exit(shards: Path, tmp_path: Path, run: cr.Run) -> None:
    out = tmp_path / "run"
    with pytest.raises(cr.UsageError, match="nonexistent") as caught:
        cr.run(tmp_path / "nonexistent.wat.gz", out=out)
    assert (caught.value.exit, caught.value.code) == (2, "E-USAGE")
    with pytest.raises(cr.UsageError, match=r"'--level <LEVELS>' \[possible values: host, domain, page\]"):
        cr.run(*wat(shards), out=out, level="planet")
    with pytest.raises(cr.UsageError, match=r"were not provided: <INPUT>...$"):
        cr.run(out=out)
    with pytest.raises(TypeError, match=r"one by one: run\(\*paths"):
        cr.run(wat(shards), out=out)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="PathLike"):
        cr.run(*wat(shards), out=3)  # type: ignore[arg-type]
    with pytest.raises(cr.UsageError, match="damping"):
        cr.run(*wat(shards), out=out, damping=2.0)
    page = tmp_path / "page.wat.gz"
    page.write_text("<!DOCTYPE html><html><body>no</body></html>")
    with pytest.raises(cr.RefusedError) as refused:
        list(cr.records(page))
    assert (refused.value.exit, refused.value.path, refused.value.offset) == (4, str(page), 0)
    copy = pickle.loads(pickle.dumps(refused.value))
    assert (type(copy), copy.exit, copy.offset) == (cr.RefusedError, 4, 0)
    with pytest.raises(cr.ReadWriteError):
        cr.records(tmp_path / "nonexistent")
    for kind in (cr.DamagedError, cr.InternalError, cr.LockedError, cr.MemoryBudgetError, cr.NetworkError):
        assert issubclass(kind, cr.CrawlrankError)
    assert issubclass(cr.OutputError, OSError) and issubclass(cr.OutputError, ValueError)


def test_a_second_run_on_the_same_directory_is_refused(shards: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    out.mkdir()
    with (out / "run.lock").open("w") as lock:  # as a run that is at work holds it
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(cr.LockedError) as caught:
            cr.run(*wat(shards), out=out, harmonic_log2m=14)
    assert caught.value.exit == 75
    assert len(pl.DataFrame(cr.run(*wat(shards), out=out, harmonic_log2m=14).hosts())) > 0


def test_neighbors_are_those_of_the_command(run: cr.Run, command: Command) -> None:
    name = pl.DataFrame(run.hosts()).sort("in_degree", descending=True)["host"][0]
    for direction in ("in", "out"):
        found = pl.DataFrame(run.neighbors(name, direction, 5))
        done = command("neighbors", run.path, name, "--direction", direction, "-n", 5, "-o", "json")
        assert found["host"].to_list() == [row["host"] for row in json.loads(done.stdout)]
        assert found.columns == run.hosts().columns
    assert len(run.neighbors(name, n=0)) == 0
    assert len(run.neighbors(pl.DataFrame(run.domains())["domain"][0], level="domain")) >= 0
    with pytest.raises(cr.UsageError, match="no host has the name"):
        run.neighbors("nowhere.example")
    with pytest.raises(cr.UsageError, match="`direction` is"):
        run.neighbors(name, "up")  # type: ignore[arg-type]


def test_a_node_by_its_name(run: cr.Run) -> None:
    best = pl.DataFrame(run.ranks().top(1)).row(0, named=True)
    row = run.rank(best["host"])
    assert {name: row[name] for name in best} == best
    assert list(row) == run.hosts().columns
    assert run.rank(str(row["host_rev"])) == row
    with pytest.raises(cr.UsageError):
        run.rank("nowhere.example")


def test_the_survey_of_a_run(tmp_path: Path, run: cr.Run, command: Command) -> None:
    with pytest.raises(cr.UsageError, match=r"tables/robots\.parquet"):
        run.robots()
    shards = tmp_path / "robots"
    synth = ("--shards", 1, "--pages", 20, "--hosts", 20, "--seed", 3, "--kind", "robots")
    assert command("synth", "--out", shards, *synth).returncode == 0
    copy = tmp_path / "run"
    shutil.copytree(run.path, copy)
    done = command("robots", "survey", shards, "--out", copy)
    assert done.returncode in (0, 3), done.stderr
    table = cr.open(copy).robots()
    assert table.columns[:2] == ["host", "url"] and len(table) > 0
    assert pl.DataFrame(table)["access"].is_in(["rules", "allow_all", "disallow_all"]).all()
    assert repr(table)


def test_the_report_is_one_page(run: cr.Run, tmp_path: Path) -> None:
    page = run.report(tmp_path / "page.html")
    assert page == tmp_path / "page.html"
    assert page.read_text(encoding="utf-8").lstrip().lower().startswith("<!doctype html>")
