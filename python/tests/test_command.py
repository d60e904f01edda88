"""The command that the wheel brings."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import crawlrank as cr

Command = Callable[..., "subprocess.CompletedProcess[str]"]


def test_the_script_is_installed_beside_python() -> None:
    script = Path(sys.executable).parent / "crawlrank"
    done = subprocess.run([script, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"crawlrank {cr.__version__}\n"


def test_top_prints_what_ranks_give(command: Command, run: cr.Run) -> None:
    done = command("top", run.path, "-n", "3", "-o", "json")
    assert done.returncode == 0, done.stderr
    hosts = [row["host"] for row in json.loads(done.stdout)]
    assert hosts == [line.split()[1] for line in repr(run.ranks().top(3)).splitlines()[1:4]]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [(["fly"], 2), (["top"], 2), (["status", "/nonexistent"], 2), (["--help"], 0)],
)
def test_exit_codes_are_those_of_the_program(command: Command, arguments: list[str], code: int) -> None:
    done = command(*arguments)
    assert done.returncode == code
    assert "Traceback" not in done.stderr
    assert code == 0 or done.stderr.startswith("error[E-USAGE]: ")


def test_ctrl_c_saves_the_state_and_leaves_by_130(tmp_path: Path) -> None:
    shards, out = tmp_path / "shards", tmp_path / "run"
    command = [sys.executable, "-m", "crawlrank"]
    synth = ["synth", "--out", shards, "--shards", "4", "--pages", "60", "--hosts", "200", "--seed", "7"]
    subprocess.run([*command, *synth], check=True, capture_output=True)
    # Many registers, so that the run is not over before the signal comes.
    command += ["run", shards, "--out", out, "--harmonic-log2m", "14"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as run:
        while not (out / "run.json").exists() and run.poll() is None:
            time.sleep(0.01)
        run.send_signal(signal.SIGINT)
        _, messages = run.communicate(timeout=120)
    assert run.returncode == 130, messages
    assert "Traceback" not in messages
    assert "error[E-INTERRUPTED]" in messages
    again = subprocess.run(command, capture_output=True, text=True, check=False)
    assert again.returncode == 0, again.stderr
    assert cr.open(out).complete
