"""The native module. Use the names of `crawlrank`, where these are re-exported."""

import builtins
from collections.abc import Callable, Iterable, Iterator, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, ClassVar, Literal, Protocol, TypeAlias, TypeVar, final, overload

from numpy.typing import NDArray
from typing_extensions import disjoint_base

_Level = Literal["host", "domain", "page"]
_T = TypeVar("_T")
_Text: TypeAlias = str | bytes | bytearray | memoryview

class _ArrowStream(Protocol):
    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object: ...

class _ArrowArray(Protocol):
    def __arrow_c_array__(self, requested_schema: object | None = None) -> object: ...

_Arrow: TypeAlias = _ArrowStream | _ArrowArray

__all__ = [
    "Access",
    "Beaten",
    "ClusterBlock",
    "ClusterRows",
    "Column",
    "Decision",
    "Fault",
    "Graph",
    "Group",
    "Header",
    "Links",
    "Ranks",
    "Record",
    "Records",
    "RequestRate",
    "RobotsTxt",
    "Rule",
    "Run",
    "Signals",
    "Table",
    "VisitTime",
    "Warning",
    "__version__",
    "cluster_begin",
    "cluster_hosts",
    "cluster_is_built",
    "cluster_lost",
    "cluster_pages",
    "cluster_pieces",
    "cluster_plan",
    "cluster_publish",
    "cluster_rank",
    "cluster_recipe",
    "cluster_write_degrees",
    "links",
    "main",
    "open",
    "pagerank",
    "records",
    "robots_allowed_many",
    "robots_census",
    "robots_delays",
    "robots_from_bytes",
    "robots_from_response",
    "robots_groups",
    "robots_parse",
    "robots_rules",
    "robots_signals",
    "robots_sitemaps",
    "run",
    "url_domain",
    "url_host",
    "url_reverse",
]

__version__: str

def open(directory: str | PathLike[str]) -> Run:
    """Opens a run directory, finished or still going on."""

def records(path: str | PathLike[str], *, types: str | Iterable[str] | None = None) -> Records:
    """Iterates over the records of a shard: WARC, WAT or WET; plain, gzip or zstd.

    `types`: give only records of these types, one or several, as `Record.type` has them. The others are read,
    so that damage is found and `totals` counts them, at less cost than Python would have with them.

    Raises `UsageError` for a type that does not exist, `ReadWriteError` when the shard cannot be opened."""

def links(
    path: str | PathLike[str] | Iterable[str | PathLike[str]],
    *,
    kind: Literal["wat", "warc"] = "wat",
    profile: Literal["browser", "cc"] = "browser",
    www: Literal["keep", "strip"] = "keep",
    exclude_rel: str | Iterable[str] | None = None,
    only_kind: str | Iterable[str] | None = None,
    max_links: int = 100_000,
    max_url: int | str | None = None,
    max_html: int | str | None = None,
    max_record: int | str | None = None,
) -> Links:
    """Reads the links of pages from a shard, or from several: every link of every page as a row, without a
    graph.

    `path`: a shard (plain, gzip or zstd), or several; rows come in the order of shards, pages and links.
    `kind`: shards with the links as Common Crawl extracted them, `wat`, or captures as fetched, whose HTML
    and redirects are read, `warc`. `profile`: how addresses are read, as a `browser` resolves them or with
    the hosts of Common Crawl's own job, `cc`. `www`: `strip` takes a leading `www.` off hosts where two
    labels remain. `exclude_rel`: links with these rel values give no row: `nofollow`, `ugc`, `sponsored`.
    `only_kind`: only links of these kinds give one: `a`, `img`, `script`, `redirect`, … `max_links`: links
    read of a page. `max_url`: longest address, 8 KiB, `max_html`: HTML read of a page, 16 MiB, `max_record`:
    largest record, 64 MiB, in bytes or as `"8K"`. Options and defaults are those of the command `links`.

    Raises `UsageError` when an option makes no sense, `ReadWriteError` when a shard cannot be opened. What a
    shard holds is looked at when rows are read: what is none then ends the stream with an error that names
    it."""

def pagerank(
    edges: _Arrow,
    *,
    damping: float = 0.85,
    tolerance: float = 1e-9,
    max_iterations: int = 200,
    num_nodes: int | None = None,
    self_loops: Literal["drop", "keep"] = "drop",
) -> Table:
    """Computes PageRank of a graph: any Arrow stream of two integer columns, or with `source` and `target`.

    `edges`: m rows, each an edge from a node to another, in any order; edges that are given again count once.
    Node numbers are from 0 to 2^32 - 2 and are kept: there are as many nodes as the largest + 1, or
    `num_nodes`; numbers with wide gaps, such as hashes, are refused without it. What a node without outgoing
    edges has goes to all nodes alike. Stops when the L1 change of an iteration is below `tolerance`, or after
    `max_iterations`, which is then warned of (`RuntimeWarning`).

    Returns a table of n rows, by id: `id`, `in_degree`, `out_degree`, `pagerank` (n scores, sum 1),
    `pagerank_pos` (1 is the highest; ties by id). The same bits for any number of threads. Takes up to 18
    bytes of memory an edge and some 65 a node, beside the result. Where that is more than 1 GiB, edges are
    sorted within 1 GiB and the graph is built on the disk, in the system's folder for temporary files: some
    16 bytes a node and an edge; ranking it takes up to 16 bytes of memory an edge and some 70 a node. Other
    threads of Python run meanwhile; Ctrl-C stops it.

    Raises `CrawlrankError` when the columns are others, hold null or no node numbers, or an option is out of
    range; `KeyboardInterrupt` after Ctrl-C."""

def url_host(
    urls: _Arrow, *, profile: Literal["browser", "cc"] = "browser", www: Literal["keep", "strip"] = "keep"
) -> Column:
    """The hosts of n URLs, as people write them (`www.example.com`); a value without `://` is taken for a
    host.

    Hosts come in lower case and punycode, without port or trailing dot. Null where there is none: an address
    without host, an IP address, a single label, a name that is none. `profile`: by whose rules, a browser's
    or those of Common Crawl's own job. `www`: `strip` takes a leading `www.` off where two labels remain.

    Raises `CrawlrankError` when the column has another type."""

def url_domain(urls: _Arrow, *, private_suffixes: bool = False) -> Column:
    """The registered domains of n URLs or hosts: `example.co.uk` of `https://www.example.co.uk/`.

    Null where there is no host, or it is itself a public suffix. `private_suffixes`: whether `me.github.io`
    is a domain, by the private section of the public suffix list, or `github.io`.

    Raises `CrawlrankError` when the column has another type."""

def url_reverse(hosts: _Arrow) -> Column:
    """The labels of n host names in the opposite order: `com.example.www` of `www.example.com`, and back.

    Names are not changed otherwise. Null for what has an empty label, white space or one of `/:?#@\\`.

    Raises `CrawlrankError` when the column has another type."""

def run(arguments: Sequence[str], progress: bool | Callable[[str, int, int, str, str], object]) -> Run:
    """Runs the whole job. Use `crawlrank.run`, which makes the arguments of the command of its own.

    `arguments`: those of the command `run`. `progress`: whether a bar may be drawn on a terminal, or what is
    called with stage, done, total, unit and message now and then."""

def main(argv: Sequence[str]) -> int:
    """Runs the command line; the first argument is the program's name. Returns the exit code.

    Listens to SIGINT and SIGTERM from here on: meant as the last call of a process."""

@final
class Run:
    """A run directory, finished or still going on."""

    @property
    def path(self) -> Path:
        """The directory."""
    @property
    def run_id(self) -> str:
        """Hash of the parameters that shape results and of the inputs."""
    @property
    def complete(self) -> bool:
        """Whether every stage is done, now."""
    @property
    def notes(self) -> list[str]:
        """What one should know of the results, e.g. why a column is null."""
    def hosts(self) -> Table:
        """The hosts with their pages, degrees and scores, by id."""
    def domains(self) -> Table:
        """The registered domains with their hosts, pages, degrees and scores, by id."""
    def edges(self, level: _Level = "host") -> Table:
        """The edges between nodes of a level, as ids of its table."""
    def shards(self) -> Table:
        """What each shard gave."""
    def faults(self) -> Table:
        """Bytes of shards that were lost, and why."""
    def robots(self) -> Table:
        """What the robots.txt files of a survey say, by host; the run has them after `crawlrank robots
        survey`."""
    def neighbors(
        self, name: str, direction: Literal["in", "out"] = "in", n: int = 50, level: _Level = "host"
    ) -> Table:
        """The `n` neighbors of a node that rank highest by PageRank: those that link to it, or are linked
        from it.

        `name`: `www.example.com` or `com.example.www`, a URL at level page. Columns as in the table of the
        level.

        Raises `UsageError` when there is no such node; its text names those beside."""
    def rank(self, name: str, level: _Level = "host") -> dict[str, str | int | float | None]:
        """The row of one node: its degrees, scores and positions by the names of the columns.

        Raises `UsageError` when there is no such node; its text names those beside."""
    def graph(self, level: _Level = "host") -> Graph:
        """The graph of a level as NumPy arrays over its files, with the scores of its nodes where the run has
        them.

        Raises `UsageError` when the run has no such graph."""
    def report(self, out: str | PathLike[str] | None = None) -> Path:
        """Writes the run as one HTML page, `report.html` in its directory or `out`; returns where it is."""
    def ranks(self, level: _Level = "host") -> Ranks:
        """Names and scores of the nodes of a level."""

@final
class Graph:
    """A graph directory: a mapping of the names of its arrays to the arrays, which NumPy maps from their
    files.

    `Graph(path)` opens any that has arrays of its edges, also one that `crawlrank graph merge` made;
    `run.graph()` gives that of a run with its scores. Of a graph that carries only its ranking stream,
    `crawlrank graph convert --form arrays` makes one. With n nodes and m edges, in order of ids unless said
    otherwise:

    - `names` (`uint8`) and `name_offsets` (`uint64`, n + 1): the name of node `i` is the bytes
      `names[name_offsets[i]:name_offsets[i + 1]]`; names ascend, hosts are reversed (`com.example.www`).
    - `out_offsets` (`uint64`, n + 1) and `out_targets` (`uint32`, m): node `u` has edges to
      `out_targets[out_offsets[u]:out_offsets[u + 1]]`, ascending. These are `indptr` and `indices` of SciPy's
      CSR.
    - `in_offsets`, `in_targets`: likewise, who has an edge to a node.
    - `out_pages`, `in_pages` (`uint32`, m): captured pages with such a link; `node_pages` (`uint64`, n):
      captured pages; `node_hosts` (`uint32`, n): hosts of a domain. There where the graph was built with
      them.
    - `pagerank`, `harmonic` (`float64`, n), `pagerank_pos`, `harmonic_pos` (`int64`, n): where the run has
      them.

    Arrays are read-only and share the memory of the files: nothing is read before it is looked at. Needs
    NumPy.

    Raises `CrawlrankError` when the directory holds no graph, or one that is cut, of another version or
    without such arrays."""

    def __new__(cls, path: str | PathLike[str]) -> Graph: ...
    @property
    def path(self) -> Path:
        """The directory."""
    @property
    def num_nodes(self) -> int:
        """How many nodes there are: n."""
    @property
    def num_edges(self) -> int:
        """How many edges there are: m, each an ordered pair of nodes that occurs once."""
    def keys(self) -> list[str]:
        """The names of the arrays that are there."""
    def __getitem__(self, name: str, /) -> NDArray[Any]: ...
    def __contains__(self, name: str, /) -> bool: ...
    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[str]: ...

@disjoint_base
class Table:
    """A table; give it to polars, pyarrow, DuckDB or pandas as it is."""

    @property
    def columns(self) -> list[str]:
        """The names of the columns."""
    def __len__(self) -> int: ...
    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """Exports the rows as an Arrow stream, a fresh one at each call. The schema asked for is not looked
        at, as the interface allows: consumers cast."""

@final
class Ranks(Table):
    """Names and scores of the nodes of a level."""

    def top(self, n: int = 20, by: Literal["pagerank", "harmonic", "in_degree"] = "pagerank") -> Table:
        """Returns the `n` nodes that come first, as a table."""

@final
class Links:
    """Links of pages; give it to polars, pyarrow, DuckDB or pandas as it is.

    Each of them gets a stream of its own, which reads the shards anew, a batch of at most 65,536 rows or
    little more than 4 MiB of text at a time: `pyarrow.RecordBatchReader.from_stream(links)` goes through
    shards of any size."""

    @property
    def columns(self) -> list[str]:
        """The names of the columns."""
    @property
    def faults(self) -> list[Fault]:
        """What was lost so far to the stream that began to read last: the first 10,000 faults, in order. The
        totals count all."""
    @property
    def totals(self) -> dict[str, bool | int | dict[str, int]]:
        """The account so far of the stream that began to read last; zeros before any did.

        `complete`: whether it came to the end of the last shard. `shards` that were begun; `pages`, their
        `links`, those `filtered` out by `exclude_rel` and `only_kind`, and `rows`; `skipped`: pages and links
        left out, by reason. The others are those of `Records.totals`, of all shards together: at the end
        `record_bytes + fault_bytes + padding_bytes == bytes`, the length of the files."""
    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """Exports the rows as an Arrow stream, a fresh one at each call. The schema asked for is not looked
        at, as the interface allows: consumers cast."""

@final
class Records(Iterator[Record]):
    """The records of a shard. Damage does not stop it: what is lost is in `faults`."""

    def __iter__(self) -> Records: ...
    def __next__(self) -> Record: ...
    @property
    def faults(self) -> list[Fault]:
        """What was lost so far: the first 10,000 faults, by offset. The totals count all."""
    @property
    def totals(self) -> dict[str, int | dict[str, int]]:
        """The account so far: `bytes`, `members`, `records`, `block_bytes`, `record_bytes`, `fault_bytes`,
        `padding_bytes`, `faults`, and `warnings` by kind.

        At the end `record_bytes + fault_bytes + padding_bytes == bytes`, the length of the file."""

@final
class Fault:
    """Bytes of a shard that could not be read as a record."""

    @property
    def path(self) -> Path:
        """The shard, as it was given."""
    @property
    def offset(self) -> int:
        """Where the damage begins, in bytes of the compressed stream."""
    @property
    def kind(self) -> str:
        """What is wrong, e.g. `bad_crc`."""
    @property
    def bytes(self) -> int:
        """Compressed bytes lost."""
    @property
    def detail(self) -> str:
        """What was found, for people."""

@final
class Record:
    """A record that was read whole."""

    @property
    def type(self) -> str:
        """What `WARC-Type` says: `response`, `metadata`, …, or `unknown`."""
    @property
    def offset(self) -> int:
        """Where the record begins in the compressed stream."""
    @property
    def bytes(self) -> int:
        """Compressed bytes; a member that several records share is charged to the first."""
    @property
    def url(self) -> str | None:
        """`WARC-Target-URI`, without the `<…>` that some writers put around it."""
    @property
    def header(self) -> Header:
        """The WARC header, decoded when it is looked at."""
    @property
    def block(self) -> builtins.bytes:
        """All behind the header: for a `response` HTTP, for `metadata` in WAT files JSON. Always the same
        object."""
    @property
    def http_status(self) -> int | None:
        """The status of an HTTP response, e.g. 200."""
    @property
    def http_header(self) -> Header | None:
        """The header of an HTTP response or request, read when it is looked at."""
    @property
    def payload(self) -> builtins.bytes:
        """What HTTP brought: the block behind the HTTP header. The block itself where there is none.

        As it is stored. Common Crawl stores it with chunks and compression taken off; other crawlers do
        not."""

@final
class Header:
    """A header: a mapping of field names, in any case, to values.

    Of a repeated field it gives the first value; `fields()` gives all."""

    def __getitem__(self, name: str, /) -> str: ...
    @overload
    def get(self, name: str, default: None = None) -> str | None: ...
    @overload
    def get(self, name: str, default: _T) -> str | _T: ...
    def __contains__(self, name: str, /) -> bool: ...
    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[str]: ...
    def keys(self) -> list[str]:
        """The names as they are written, each once."""
    def values(self) -> list[str]:
        """The values, in the order of the names."""
    def items(self) -> list[tuple[str, str]]:
        """Names with their values."""
    def fields(self) -> list[tuple[str, str]]:
        """All fields, repeated ones too, in their order."""

@final
class Column:
    """A column of answers; give it to polars, pyarrow or pandas as it is."""

    @property
    def type(self) -> str:
        """The Arrow type: `Boolean`, `Utf8` or `LargeUtf8`."""
    @property
    def null_count(self) -> int:
        """How many values are null."""
    def __len__(self) -> int: ...
    def to_list(self) -> list[bool | None] | list[str | None]:
        """The values as Python has them; `None` for null."""
    def __arrow_c_array__(self, requested_schema: object | None = None) -> tuple[object, object]:
        """Exports the values as an Arrow array, afresh at each call. The schema asked for is not looked at,
        as the interface allows: consumers cast."""

def robots_parse(
    body: _Text,
    *,
    max_bytes: int = 512000,
    leniencies: bool = True,
    content_usage_is_rule: bool = False,
) -> RobotsTxt:
    """Parses a robots.txt. Any content will do: what cannot be understood is skipped, and `warnings` says
    where.

    `max_bytes`: what lies beyond the last line end within so many bytes is not read. `leniencies`: whether to
    take what Google's parser takes beyond RFC 9309. `content_usage_is_rule`: whether a `Content-Usage` line
    ends a run of user-agent lines, as in draft-ietf-aipref-attach.

    Raises `TypeError` when `body` is neither bytes nor str."""

def robots_from_bytes(data: _Text) -> RobotsTxt:
    """Takes a parsed file from the bytes that `to_bytes` made. They are checked to the last bit.

    Raises `CrawlrankError` when they are of another version, cut, or damaged."""

def robots_from_response(
    status: int | None,
    body: _Text | None = None,
    headers: object | None = None,
    *,
    redirects: int = 0,
    age: float = 0.0,
    unreachable_for: float = 0.0,
) -> Access:
    """Says what follows from a fetch of a robots.txt (RFC 9309, section 2.3.1).

    2xx: the rules of the body. A redirect that was not followed to its end, and 4xx but 429: everything is
    allowed. 429, 5xx, other codes, and no response (`status` is `None`): nothing is allowed, until after 30
    days everything is. 304 answers those who have the file already: keep what you have, and do not come here.

    `body`: decoded. `headers`: a mapping of names to values (of str or bytes, or lists of them), or pairs;
    they say how long the answer may be used, see `Access.fresh_for`. `redirects`: how many were followed;
    more than five count as no file. `age`: how many seconds ago the response came. `unreachable_for`: for how
    many seconds the file has been unreachable without a break.

    Raises `CrawlrankError` when a time is below 0, `TypeError` when a header is no text."""

def robots_allowed_many(bodies: _Arrow, agent: str, urls: _Arrow) -> Column:
    """Says for each row whether an agent may fetch the URL by the robots.txt of that row.

    `bodies`: n values of text or binary, or one for any number of URLs. `urls`: n values. Returns n booleans,
    null where the body or the URL is. Each distinct body is parsed once.

    Raises `CrawlrankError` when the columns differ in length or have another type."""

def robots_census(bodies: _Arrow, agents: Sequence[str], urls: _Arrow, *, lines: bool = False) -> Table:
    """Decides URLs for agents by the robots.txt of each row.

    `bodies`: n values. `urls`: n values, or n lists. Returns a table `file`, `agent`, `url`, `allowed`,
    `line`, by file, then URL, then agent: the line is that of the rule that decided, and null unless `lines`
    asks for it, which takes longer.

    Raises `CrawlrankError` when the columns differ in length or have another type."""

def robots_rules(bodies: _Arrow) -> Table:
    """All rules in groups, as written: `file`, `group` (from 0), `line`, `allow`, `pattern`."""

def robots_groups(bodies: _Arrow) -> Table:
    """All groups, as written: `file`, `group` (from 0), `line`, `agents` (a list), `rules` (how many)."""

def robots_sitemaps(bodies: _Arrow) -> Table:
    """All sitemaps, as written: `file`, `sitemap`."""

def robots_delays(bodies: _Arrow, agents: Sequence[str]) -> Table:
    """How fast agents may come: `file`, `agent`, `crawl_delay` in seconds, `requests` in `period` seconds.

    An agent to whom a file says neither has no row."""

def robots_signals(bodies: _Arrow, agents: Sequence[str]) -> Table:
    """What the files say about the use of pages: `file`, `agent`, `search`, `ai_input`, `ai_train`,
    `content_use`, and the lines `content_signal`, `content_usage` as written.

    An agent to whom a file says nothing has no row."""

@final
class RobotsTxt:
    """A parsed robots.txt: a copy of its text, and eight bytes for each line that says something.

    Agents are product tokens (`CCBot`), URLs may be paths; neither they nor the content make any call raise.
    The compiled rules of the first 32 agents that are asked for are kept, so that asking again costs nothing.
    May be used from several threads at once, compared with nothing, and pickled."""

    def allowed(self, agent: str, url: _Text) -> bool:
        """Whether an agent may fetch a URL: the longest rule that matches decides, `Allow` wins a tie, and
        what no rule matches is allowed (RFC 9309, section 2.2.2)."""
    @overload
    def allowed_many(self, agent: str, urls: _Arrow) -> Column: ...
    @overload
    def allowed_many(self, agent: str, urls: Iterable[_Text]) -> list[bool]:
        """Whether an agent may fetch each of some URLs: a list for a list, a `Column` for a column of Arrow,
        null for null. A column is answered on all cores, while other threads of Python run."""
    def explain(self, agent: str, url: _Text) -> Decision:
        """Decides a URL, and says why. Slower than `allowed` by far."""
    def crawl_delay(self, agent: str) -> float | None:
        """The seconds that an agent is asked to wait between two requests: the first valid `Crawl-delay` of
        its groups."""
    def request_rate(self, agent: str) -> RequestRate | None:
        """How many requests an agent may make in how much time: the first valid `Request-rate` of its
        groups."""
    def visit_time(self, agent: str) -> VisitTime | None:
        """When an agent may come: the first valid `Visit-time` of its groups."""
    def names(self, agent: str) -> bool:
        """Whether a group names the agent; if not, the groups of `*` are its own."""
    def signals(self, agent: str, url: _Text | None = None) -> Signals:
        """What the file says to an agent about the use of pages; with a URL also what `Content-Usage` says of
        it."""
    @property
    def sitemaps(self) -> list[str]:
        """All sitemaps, as written, in the order of the file."""
    @property
    def host(self) -> str | None:
        """The first `Host` line: the main mirror, for Yandex."""
    @property
    def clean_params(self) -> list[str]:
        """All `Clean-param` lines, as written, for Yandex."""
    @property
    def warnings(self) -> list[Warning]:
        """What is odd about the file, by line."""
    @property
    def groups(self) -> list[Group]:
        """All groups, as written, in the order of the file."""
    @property
    def is_html(self) -> bool:
        """Whether the body looks like an HTML page that was served for the missing file."""
    @property
    def is_truncated(self) -> bool:
        """Whether the body was longer than what is read of it."""
    @property
    def text(self) -> bytes:
        """The text that lines are counted in: without byte order mark, decoded if it was UTF-16, cut at the
        limit."""
    def to_bytes(self) -> bytes:
        """The parsed file as bytes, for `from_bytes`: 24 bytes, 8 a line that says something, and the
        text."""
    def __reduce__(self) -> tuple[object, tuple[bytes]]: ...

@final
class Decision:
    """What decided a URL, and what else had a say. As true as its answer."""

    @property
    def allowed(self) -> bool:
        """Whether the agent may fetch the URL."""
    @property
    def line(self) -> int | None:
        """The 1-based line of the rule that decided; `None` when none did."""
    @property
    def rule(self) -> str | None:
        """That line as written, without comment."""
    @property
    def pattern(self) -> str | None:
        """Its path pattern as written."""
    @property
    def octets(self) -> int | None:
        """How specific it is: the octets of its normalized pattern."""
    @property
    def leniencies(self) -> list[str]:
        """Google's leniencies without which it would not have been read, or not have matched."""
    @property
    def group_leniencies(self) -> list[str]:
        """Google's leniencies without which its group would not be the agent's."""
    @property
    def group(self) -> str | None:
        """Whose groups were asked, with their lines, for people; `None` when no group is for the agent."""
    @property
    def beaten(self) -> list[Beaten]:
        """The rules that matched as well and lost, the strongest first."""
    @property
    def path(self) -> str:
        """The path and query that rules were compared with, normalized."""
    @property
    def is_robots_txt(self) -> bool:
        """Whether the URL is the robots.txt itself, which is always allowed."""
    @property
    def reason(self) -> str:
        """Why it was decided so, for people."""
    def __bool__(self) -> bool: ...

@final
class Beaten:
    """A rule that matched a URL and lost."""

    @property
    def line(self) -> int:
        """The 1-based line it stands on."""
    @property
    def rule(self) -> str:
        """That line as written, without comment."""
    @property
    def pattern(self) -> str:
        """Its path pattern as written."""
    @property
    def allow(self) -> bool:
        """Whether it is an `Allow`."""
    @property
    def octets(self) -> int:
        """How specific it is: the octets of its normalized pattern."""
    @property
    def leniencies(self) -> list[str]:
        """Google's leniencies without which it would not have been read, or not have matched."""

@final
class RequestRate:
    """How many requests in how much time."""

    @property
    def requests(self) -> int:
        """At least 1."""
    @property
    def seconds(self) -> float:
        """More than 0."""
    @property
    def time(self) -> VisitTime | None:
        """When it holds; always if `None`."""
    def __eq__(self, other: object, /) -> bool: ...

@final
class VisitTime:
    """A time of day, in UTC. The end may lie before the start: over midnight."""

    @property
    def start_minute(self) -> int:
        """Minutes since midnight, below 1,440."""
    @property
    def end_minute(self) -> int:
        """Minutes since midnight, below 1,440."""
    def __eq__(self, other: object, /) -> bool: ...

@final
class Warning:
    """One thing that is odd about a file."""

    @property
    def line(self) -> int:
        """The 1-based line; of a warning about the whole file, the last line read, or 1."""
    @property
    def message(self) -> str:
        """What is odd, in a few words."""
    @property
    def text(self) -> str:
        """The line as written, without comment; empty for the whole file."""

@final
class Group:
    """One group, as written."""

    @property
    def line(self) -> int:
        """The 1-based line of its first user-agent line."""
    @property
    def agents(self) -> list[str]:
        """The values of its user-agent lines."""
    @property
    def rules(self) -> list[Rule]:
        """Its `Allow` and `Disallow` lines."""

@final
class Rule:
    """One rule of a group, as written."""

    @property
    def line(self) -> int:
        """The 1-based line it stands on."""
    @property
    def allow(self) -> bool:
        """Whether it is an `Allow`."""
    @property
    def pattern(self) -> str:
        """Its path pattern."""

@final
class Signals:
    """What a file says to an agent about the use of pages. `None` is what it does not say."""

    @property
    def search(self) -> bool | None:
        """`search`: a search index with links and short excerpts."""
    @property
    def ai_input(self) -> bool | None:
        """`ai-input`: input to a model at the time of a question."""
    @property
    def ai_train(self) -> bool | None:
        """`ai-train`: training or fine-tuning of a model."""
    @property
    def content_use(self) -> Literal["immediate", "reference", "full"] | None:
        """`use`: how much may be kept and shown again."""
    @property
    def usage(self) -> dict[str, bool] | None:
        """The preferences of `Content-Usage` for the URL that was asked for, by category; `None` when none
        was."""
    @property
    def content_signal(self) -> str | None:
        """The `Content-Signal` lines as written, with commas between."""
    @property
    def content_usage(self) -> str | None:
        """The `Content-Usage` lines as written, with commas between."""

@final
class Access:
    """What may be fetched from a site."""

    @property
    def kind(self) -> Literal["rules", "allow_all", "disallow_all"]:
        """What decides."""
    @property
    def rules(self) -> RobotsTxt | None:
        """The parsed file, where rules decide."""
    @property
    def fresh_for(self) -> float:
        """For how many seconds the answer may still be used; 0: fetch again. A day (RFC 9309, section 2.4),
        or less where the headers say so: of 429 and 5xx `Retry-After`, else `Cache-Control` and `Expires`,
        less `Age`, as RFC 9111 reads them. To heed these is left to crawlers: many servers send `no-cache`
        with every page, which gives 0."""
    def allowed(self, agent: str, url: _Text) -> bool:
        """Whether an agent may fetch a URL of the site. Its robots.txt may always be fetched."""

# What `crawlrank.spark` stands on.

def cluster_begin(
    out: str | PathLike[str],
    recipe: str,
    shards: Sequence[str],
    accounts: str | PathLike[str],
    faults: str | PathLike[str],
) -> None:
    """Begins a run with the accounts of its shards."""

def cluster_hosts(hosts: _Arrow, private_suffixes: bool) -> tuple[Column, Column, Column]:
    """Of a column of reversed host names the names as people write them, the registered domains, reversed,
    and these as people write them. A name without a domain stands for itself.
    """

def cluster_is_built(out: str | PathLike[str], recipe: str, shards: Sequence[str]) -> bool:
    """Whether `out` has the graphs of these shards already."""

def cluster_lost(out: str | PathLike[str]) -> str | None:
    """What was lost of the shards of a run, in words."""

def cluster_pages(pages: _Arrow) -> tuple[Column, Column]:
    """The addresses and the reversed hosts of a column of names of pages."""

def cluster_pieces(path: str | PathLike[str], piece_bytes: int) -> list[int]:
    """Where the pieces of a shard on this machine begin that are read by several workers."""

def cluster_plan(
    inputs: Sequence[str], elsewhere: Sequence[tuple[str, int]], arguments: Sequence[str]
) -> tuple[str, list[str]]:
    """Finds shards for a cluster: returns the recipe that `arguments`, flags of the command `run`, come to,
    and the shards, as JSON.

    `inputs`: files, folders, patterns and lists on this machine. `elsewhere`: addresses and lengths of
    shards that only the cluster reads.
    """

def cluster_publish(out: str | PathLike[str], tables: Sequence[tuple[str | PathLike[str], str]]) -> None:
    """Moves tables into a run: pairs of a file or folder and its name there."""

def cluster_rank(
    out: str | PathLike[str],
    arguments: Sequence[str],
    iterated: dict[str, tuple[list[tuple[Path, int]], list[float]]],
    progress: bool,
) -> str | None:
    """Does what the command `rank` does with a run. `arguments` are its flags; `iterated` has for each level
    that a cluster has ranked the files of its scores, in order, each with its
    length, and the L1 change of each iteration.
    """

def cluster_recipe(out: str | PathLike[str]) -> str:
    """The recipe of a run, as JSON."""

def cluster_write_degrees(path: str | PathLike[str], table: _ArrowStream) -> None:
    """Writes a column of whole numbers as a file of `uint32`, which blocks read."""

@final
class ClusterBlock:
    """Consecutive nodes with their incoming edges, for ranking in blocks. Vectors are in files of NumPy's
    format.
    """

    ALIGNMENT: ClassVar[int]

    def __new__(cls, path: str | PathLike[str], start: int, end: int) -> ClusterBlock: ...
    @staticmethod
    def write(
        path: str | PathLike[str],
        degrees: Sequence[tuple[Path, int]],
        start: int,
        end: int,
        edges: _ArrowStream,
    ) -> None:
        """Writes the block of the nodes from `start` to before `end`. `degrees`: files of the out-degrees of
        all nodes, in order, each with its length; `edges`: a table of sources and targets, by target, then
        source.
        """
    def start(
        self, scores: str | PathLike[str], contributions: str | PathLike[str]
    ) -> tuple[int, list[float], list[float]]:
        """Writes the scores that a ranking begins with, and what flows from them; returns the number of
        contributions, and of each bin the change and the score on dangling nodes.
        """
    def step(
        self,
        all_contributions: Sequence[tuple[Path, int]],
        dangling: float,
        from_scores: tuple[Path, int],
        damping: float,
        scores: str | PathLike[str],
        contributions: str | PathLike[str],
    ) -> tuple[int, list[float], list[float]]:
        """Does an iteration: reads the block's scores, of `from_scores`, and all contributions, of files with
        their lengths in order.
        """

@final
class ClusterRows:
    """The rows of a piece of a shard, for one stream."""

    def __new__(
        cls,
        kind: str,
        recipe: str,
        shard: str,
        start: int,
        end: int,
        source: object | None,
        tmp: str | PathLike[str],
        memory_bytes: int,
        blocks: bool,
        agents: str | None,
    ) -> ClusterRows: ...
    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """Exports the rows as an Arrow stream, once."""
