"""The job of `crawlrank run` on Spark: shards to graph to ranks to Parquet.

    spark-submit --master MASTER pipelines/spark/host_graph.py INPUT... --out RUN [--work SHARED] [flags of `crawlrank run`]

The same command goes on where it was stopped. It leaves with the exit codes of `crawlrank run`. Without `spark-submit`, as
`python pipelines/spark/host_graph.py`, it runs on this machine.
"""

from __future__ import annotations

import argparse
import re
import sys
import warnings

from pyspark.errors import AnalysisException
from pyspark.sql import SparkSession

import crawlrank as cr
import crawlrank.spark as cgs

# Flags of `crawlrank run` that are options of the data source, with a value and without one.
READING = (
    "profile",
    "www",
    "exclude-rel",
    "only-kind",
    "limit",
    "base-url",
    "max-record",
    "max-header",
    "max-html",
    "max-links",
    "max-url",
    "max-window",
)
READING_SWITCHES = ("edge-pages", "private-suffixes")


def parser() -> argparse.ArgumentParser:
    """The flags, by what they concern."""
    flags = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    flags.add_argument(
        "inputs", nargs="+", metavar="INPUT", help="shards, folders, patterns, lists, addresses"
    )
    flags.add_argument("--out", required=True, help="the run directory, on the machine of the driver")
    flags.add_argument("--work", help="a folder that driver and workers share; default OUT.spark")
    flags.add_argument("--master", help="where it runs without spark-submit, e.g. local[4]")
    flags.add_argument("--level", help="host or host,domain (default)")
    flags.add_argument("--kind", default="wat", choices=("wat", "warc"), help="shards links are read from")
    for name in READING:
        flags.add_argument(f"--{name}", help="as of `crawlrank run`")
    for name in READING_SWITCHES:
        flags.add_argument(f"--{name}", action="store_true", help="as of `crawlrank run`")
    flags.add_argument("--split", help="pieces that plain shards are cut into, 1G")
    flags.add_argument("--task-memory", help="what a task that reads a shard uses, 256M")
    flags.add_argument("--strict", action="store_true", help="any fault refuses the run")
    flags.add_argument("--max-bad-records", help="bad records a shard may have")
    flags.add_argument("--max-bad-shards", help="bad shards a run may have")
    flags.add_argument(
        "--rank", default="driver", choices=("driver", "cluster", "none"), help="where to rank"
    )
    flags.add_argument("--blocks", type=int, help="tasks of an iteration, with --rank cluster")
    flags.add_argument("--memory", help="memory of the driver's machine, for ranking")
    flags.add_argument("--threads", type=int, help="threads of the driver's machine, for ranking")
    flags.add_argument("--damping", type=float)
    flags.add_argument("--tolerance", type=float)
    flags.add_argument("--max-iterations", type=int)
    flags.add_argument("--no-harmonic", action="store_true")
    flags.add_argument("--harmonic-log2m", type=int)
    return flags


def last_words(error: AnalysisException) -> str:
    """What Python said in the end, of all calls that led there and that Spark tells."""
    raised = re.findall(r"^[\w.]+Error: (?:error\[[\w-]+\]: )?(.+)", str(error), re.MULTILINE)
    return raised[-1] if raised else str(error)


def main(given: argparse.Namespace) -> int:
    """Does the job; returns how to leave."""
    spark = (
        cgs.session(given.master) if given.master else SparkSession.builder.appName("crawlrank").getOrCreate()
    )
    cgs.register(spark)
    reader = spark.read.format("crawlrank").option("kind", "host_links").option("shard_kind", given.kind)
    values = vars(given)
    options = {
        name.replace("-", "_"): values[name.replace("-", "_")] for name in (*READING, *READING_SWITCHES)
    }
    options |= {"split": given.split, "memory": given.task_memory}
    for name, value in options.items():
        if value not in (None, False):
            reader = reader.option(name, str(value).lower() if value is True else value)
    try:
        links = reader.load(given.inputs)
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always", UserWarning)
            cgs.build(
                links,
                given.out,
                level=given.level,
                work=given.work,
                strict=given.strict or None,
                max_bad_records=given.max_bad_records,
                max_bad_shards=given.max_bad_shards,
            )
            if given.rank != "none":
                cgs.rank(
                    given.out,
                    on=given.rank,
                    blocks=given.blocks,
                    work=given.work,
                    memory=given.memory,
                    threads=given.threads,
                    damping=given.damping,
                    tolerance=given.tolerance,
                    max_iterations=given.max_iterations,
                    no_harmonic=given.no_harmonic,
                    harmonic_log2m=given.harmonic_log2m,
                )
    except cr.CrawlrankError as error:
        print(error, file=sys.stderr)
        return error.exit
    except ValueError as error:  # what is asked for, and what `work` holds
        print(f"error[E-USAGE]: {error}", file=sys.stderr)
        return 2
    except AnalysisException as error:  # options
        print(f"error[E-USAGE]: {last_words(error)}", file=sys.stderr)
        return 2
    troubles = [warning.message for warning in said if warning.filename == __file__]
    if troubles:
        print(troubles[-1], file=sys.stderr)  # that of `rank` has all that `build` said
    print(cr.open(given.out))
    return 3 if troubles else 0


if __name__ == "__main__":
    sys.exit(main(parser().parse_args()))
