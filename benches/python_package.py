"""What the package costs before it does anything: `python benches/python_package.py [WHEEL]`.

Importing it, beside pyarrow and polars where they are installed; the size of WHEEL; importing a Rust file
that is new, unchanged, edited (needs `crawlrank[rust]` and a Rust toolchain). Wall times, medians.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path

ROUNDS = 9

ANALYSIS = """\
//! Counts records.
use crawlrank_analysis::{Analysis, Record, export};

#[derive(Default)]
struct Records(u64);

impl Analysis for Records {
    type Output = u64;

    fn record(&mut self, _: &Record) {
        self.0 += 1; // edit 0
    }

    fn merge(&mut self, other: Self) {
        self.0 += other.0;
    }

    fn finish(self) -> u64 {
        self.0
    }
}

export!(bench_records, Records);
"""


def seconds(code: str, folder: Path | None = None, **environment: str) -> float:
    """How long a new Python takes for `code`."""
    isolated = ["-I"] if folder is None else []
    command = [sys.executable, *isolated, "-c", code]
    start = time.perf_counter()
    subprocess.run(command, check=True, cwd=folder, env={**os.environ, **environment})
    return time.perf_counter() - start


def imports() -> None:
    names = [name for name in ("crawlrank", "pyarrow", "polars") if find_spec(name)]
    taken: dict[str, list[float]] = {name: [] for name in ("", *names)}
    for _ in range(ROUNDS):
        for name, times in taken.items():
            times.append(seconds(f"import {name}" if name else "pass"))
    bare = statistics.median(taken.pop(""))
    print("| import | ms above bare Python |\n|---|---|")
    for name, times in taken.items():
        print(f"| {name} | {(statistics.median(times) - bare) * 1000:.1f} |")


def rust_file() -> None:
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        file = folder / "bench_records.rs"
        file.write_text(ANALYSIS, encoding="utf-8")

        def imported() -> float:
            code = "import crawlrank.rust; import bench_records"
            return seconds(code, folder, CRAWLRANK_RUST_CACHE=str(folder / "cache"))

        print("\n| importing a Rust file, Python's start included | s |\n|---|---|")
        print(f"| the first of all | {imported():.1f} |")
        print(f"| unchanged | {statistics.median(imported() for _ in range(ROUNDS)):.3f} |")
        edited = []
        for edit in range(1, 6):
            file.write_text(ANALYSIS.replace("+= 1; // edit 0", f"+= 1 + {edit} - {edit};"), encoding="utf-8")
            edited.append(imported())
        print(f"| edited | {statistics.median(edited):.2f} |")


if __name__ == "__main__":
    imports()
    if len(sys.argv) > 1:
        print(f"\nwheel: {Path(sys.argv[1]).stat().st_size / 1e6:.2f} MB")
    if find_spec("maturin_import_hook"):
        rust_file()
