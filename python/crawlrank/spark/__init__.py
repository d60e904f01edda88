"""The same job on Spark: shards as a data source, graphs and ranks on a cluster.

```python
import crawlrank.spark as cgs

spark = cgs.session()  # or the session that is there
cgs.register(spark)
links = spark.read.format("crawlrank").option("kind", "host_links").load("shards/")
cgs.build(links, "out/")
cgs.rank("out/")
```

What comes out is a run directory as `crawlrank run` makes it: `crawlrank.open("out/")` reads it, and its
graphs, scores and tables are those of one machine, to the bit. `docs/spark.md` says how to run it on a
cluster.
"""

from __future__ import annotations

try:
    import pyarrow  # noqa: F401
    import pyspark  # noqa: F401
except ImportError as missing:
    raise ImportError(f"crawlrank.spark needs {missing.name}: `pip install 'crawlrank[spark]'`") from missing

from crawlrank.spark._build import build
from crawlrank.spark._rank import rank
from crawlrank.spark._session import session
from crawlrank.spark._source import faults, register, shards

__all__ = ["build", "faults", "rank", "register", "session", "shards"]
