"""Runs each notebook (`01_….py`) and writes it with its outputs as Jupyter's `.ipynb` beside it.

With `--check` it writes nothing: the notebooks must run, and the `.ipynb` must be made of the same cells.
Names (`06_beyond_one_machine`) take some of them only. `--check NAME --run RUN` runs one over a run that was
made elsewhere, of the shards of the sample: all that it shows must be in the `.ipynb`, too.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from base64 import b64encode
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from io import BytesIO
from pathlib import Path

import sample

HERE = Path(__file__).resolve().parent
VEGA_LITE = "application/vnd.vegalite.v6+json"


def main() -> int:
    given = _arguments()
    sources = [HERE / f"{name}.py" for name in given.names] or sorted(HERE.glob("[0-9][0-9]_*.py"))
    if not given.run:
        sample.whole()
    work = partial(_check, run=given.run) if given.check else _write
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        complaints = list(pool.map(work, sources))
    for complaint in filter(None, complaints):
        print(complaint, file=sys.stderr)
    print(
        f"{len(sources)} notebooks {'run and match' if given.check else 'written'}"
        if not any(complaints)
        else "failed"
    )
    return int(any(complaints))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help="a notebook, e.g. 01_first_look; default all"
    )
    parser.add_argument("--check", action="store_true", help="write nothing; compare")
    parser.add_argument("--run", type=Path, help="with --check: a run that must show what the sample shows")
    given = parser.parse_args()
    given.names = [name.removesuffix(".py") for name in given.names]
    missing = [name for name in given.names if not (HERE / f"{name}.py").exists()]
    if missing:
        parser.error(f"there is no notebook `{missing[0]}`")
    if given.run and not (given.check and given.names):
        parser.error("--run takes --check and the names of notebooks")
    return given


def _write(source: Path) -> str | None:
    try:
        notebook = _run(source)
    except RuntimeError as error:
        return str(error)
    charts = []
    for cell in notebook["cells"]:
        for output in cell.get("outputs", ()):
            chart = output["data"].get(VEGA_LITE)
            if chart:
                # For readers that draw no Vega-Lite, GitHub for one.
                output["data"]["image/png"] = b64encode(_picture(chart)).decode()
                output["data"][VEGA_LITE] = f"chart {len(charts)}"
                charts.append(json.dumps(chart, ensure_ascii=False, separators=(",", ":")))
    text = json.dumps(notebook, indent=1, ensure_ascii=False, sort_keys=True)
    for number, chart in enumerate(charts):  # in one line each: rows of data need not be read
        text = text.replace(f'"chart {number}"', chart)
    source.with_suffix(".ipynb").write_text(text + "\n", encoding="utf-8")
    return None


def _six_digits(number: str) -> float:
    """No eye sees more, and a last bit that differs is no news."""
    return float(f"{float(number):.6g}")


def _picture(chart: dict) -> bytes:
    """A chart as PNG, of 96 colors: a tenth of the bytes, and no eye sees it."""
    import vl_convert
    from PIL import Image

    drawn = Image.open(BytesIO(vl_convert.vegalite_to_png(chart, scale=1.5))).convert("RGB")
    small = BytesIO()
    drawn.quantize(96, Image.Quantize.MAXCOVERAGE).save(small, "PNG", optimize=True)
    return small.getvalue()


def _check(source: Path, run: Path | None = None) -> str | None:
    try:
        fresh = _run(source, run)
    except RuntimeError as error:
        return str(error)
    file = source.with_suffix(".ipynb")
    if not file.exists():
        return f"{file.name}: missing; run `make notebooks`"
    committed = json.loads(file.read_text(encoding="utf-8"))
    if _shape(committed) != _shape(fresh):
        return f"{file.name}: has other cells than {source.name}; run `make notebooks`"
    if run:
        for ours, theirs in zip(committed["cells"], fresh["cells"], strict=True):
            if _shown(ours) != _shown(theirs):
                return (
                    f"{file.name}: {ours['id']} shows other things over {run}; "
                    f"where that is right, run `make notebooks`\n"
                    f"- {json.dumps(_shown(ours))}\n+ {json.dumps(_shown(theirs))}"
                )
    return None


def _shown(cell: dict) -> list[dict]:
    """What a cell shows, without pictures, which are made of the rest, and the version of Vega-Lite."""
    shown = []
    for output in cell.get("outputs", ()):
        data = {kind: content for kind, content in output["data"].items() if kind != "image/png"}
        if VEGA_LITE in data:
            data[VEGA_LITE] = {key: value for key, value in data[VEGA_LITE].items() if key != "$schema"}
        shown.append(data)
    return shown


def _shape(notebook: dict) -> list[tuple]:
    """Kind, text and kinds of outputs of each cell: all that must not differ."""
    return [
        (
            cell["cell_type"],
            cell["source"],
            [sorted(output["data"].keys() - {"image/png"}) for output in cell.get("outputs", ())],
        )
        for cell in notebook["cells"]
    ]


def _run(source: Path, run: Path | None = None) -> dict:
    """Runs a notebook over the sample, or over a run; its cells with their outputs, without what only marimo
    needs."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CRAWLRANK_")}
    if run:
        environment["CRAWLRANK_RUN"] = str(run.resolve())
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "made.ipynb"
        command = [sys.executable, "-m", "marimo", "export", "ipynb", source.name, "--include-outputs"]
        environment |= {"XDG_CONFIG_HOME": folder, "XDG_CACHE_HOME": folder, "XDG_STATE_HOME": folder}
        done = subprocess.run(
            [*command, "--sort", "top-down", "--output", str(made)],
            cwd=HERE,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            script = [sys.executable, source.name]  # says which cell, and why
            told = subprocess.run(
                script, cwd=HERE, env=environment, capture_output=True, text=True, check=False
            )
            raise RuntimeError(f"{source.name}: does not run\n{done.stderr}{told.stderr}")
        notebook = json.loads(made.read_text(encoding="utf-8"))
    cells = [cell for cell in notebook["cells"] if cell["source"] != ["import marimo as mo"]]
    for number, cell in enumerate(cells, 1):
        cell["id"], cell["metadata"] = f"cell-{number:02}", {}
        for output in cell.get("outputs", ()):
            if "data" not in output:
                raise RuntimeError(f"{source.name}: a cell wrote text or failed: {output}")
            data = output["data"]
            if isinstance(data.get(VEGA_LITE), str):
                data[VEGA_LITE] = json.loads(data[VEGA_LITE], parse_float=_six_digits)
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return {
        **notebook,
        "cells": cells,
        "metadata": {"kernelspec": kernel, "language_info": {"name": "python"}},
    }


if __name__ == "__main__":
    sys.exit(main())
