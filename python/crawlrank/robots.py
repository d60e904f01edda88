"""robots.txt: may this agent fetch that URL, and which line says so.

>>> from crawlrank import robots
>>> rules = robots.parse("User-agent: *\\nDisallow: /private\\nCrawl-delay: 1.5\\n")
>>> rules.allowed("CCBot", "https://example.com/private/x")
False
>>> rules.explain("CCBot", "https://example.com/private/x").rule
'Disallow: /private'

RFC 9309 with the leniencies of Google's parser, each named where it was used. Parsing never fails. An agent
is a product token (`CCBot`); of `CCBot/2.0` what comes before the slash counts. A URL may be a path alone.

Columns of files, of polars, pyarrow, pandas or whatever else exports itself as Arrow data, go through
`allowed_many`, `census`, `rules`, `groups`, `delays`, `sitemaps` and `signals`: each distinct body is parsed
once, on all cores, while other threads of Python run. In their tables `file` is the row of the body, from 0.

`Protego` and `RobotFileParser` stand in for the classes of these names in protego and urllib.robotparser.
"""

from crawlrank._core import (
    Access,
    Beaten,
    Decision,
    Group,
    RequestRate,
    RobotsTxt,
    Rule,
    Signals,
    VisitTime,
    Warning,
)
from crawlrank._core import robots_allowed_many as allowed_many
from crawlrank._core import robots_census as census
from crawlrank._core import robots_delays as delays
from crawlrank._core import robots_from_bytes as from_bytes
from crawlrank._core import robots_from_response as from_response
from crawlrank._core import robots_groups as groups
from crawlrank._core import robots_parse as parse
from crawlrank._core import robots_rules as rules
from crawlrank._core import robots_signals as signals
from crawlrank._core import robots_sitemaps as sitemaps

TYPE_CHECKING = False  # that of `typing`, without its import
if TYPE_CHECKING:
    from crawlrank._protego import Protego
    from crawlrank._robotparser import RobotFileParser

__all__ = [
    "Access",
    "Beaten",
    "Decision",
    "Group",
    "Protego",
    "RequestRate",
    "RobotFileParser",
    "RobotsTxt",
    "Rule",
    "Signals",
    "VisitTime",
    "Warning",
    "allowed_many",
    "census",
    "delays",
    "from_bytes",
    "from_response",
    "groups",
    "parse",
    "rules",
    "signals",
    "sitemaps",
]


def __getattr__(name: str) -> object:
    """Imports a stand-in when it is first used."""
    if name == "Protego":
        from crawlrank import _protego

        return _protego.Protego
    if name == "RobotFileParser":
        from crawlrank import _robotparser

        return _robotparser.RobotFileParser
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
