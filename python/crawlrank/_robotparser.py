"""A stand-in for urllib.robotparser: `from crawlrank.robots import RobotFileParser`."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import NamedTuple

from crawlrank import _core

_READ_BYTES = 500 * 1024 + 1  # as much as is parsed, and one to know that there was more


class RequestRate(NamedTuple):
    """So many requests in so many seconds."""

    requests: int
    seconds: int


class RobotFileParser:
    """The interface of `urllib.robotparser.RobotFileParser` over crawlrank's parser.

    Answers are those of RFC 9309: the longest rule decides (there the first), `*` and `$` mean what they do
    elsewhere, the agent's whole product token names its groups, and 401 and 403 are answers like 404:
    everything is allowed. As there, nothing is allowed before `read` or `parse` was called.
    """

    def __init__(self, url: str = "") -> None:
        self._robots = _core.robots_parse(b"")
        self.disallow_all = False
        self.allow_all = False
        self.last_checked: float = 0
        self.set_url(url)

    def mtime(self) -> float:
        """Returns when the file was fetched, in seconds of the epoch; 0: never."""
        return self.last_checked

    def modified(self) -> None:
        """Says that the file was fetched now."""
        self.last_checked = time.time()

    def set_url(self, url: str) -> None:
        """Says where the robots.txt is."""
        self.url = url

    def read(self) -> None:
        """Fetches the robots.txt and parses it.

        Raises:
            urllib.error.URLError: the server could not be reached; nothing is allowed then.
        """
        from urllib.error import HTTPError
        from urllib.request import urlopen

        try:
            with urlopen(self.url) as response:
                status, body = response.status, response.read(_READ_BYTES)
        except HTTPError as refusal:
            status, body = refusal.code, b""
            refusal.close()
        # Not every scheme has a status: what a file says is what came.
        access = _core.robots_from_response(200 if status is None else status, body)
        self._robots = access.rules or _core.robots_parse(b"")
        self.allow_all, self.disallow_all = access.kind == "allow_all", access.kind == "disallow_all"
        self.modified()

    def parse(self, lines: Iterable[str]) -> None:
        """Parses the lines of a robots.txt. Any lines will do."""
        self._robots = _core.robots_parse("\n".join(lines))
        self.modified()

    def can_fetch(self, useragent: str, url: str) -> bool:
        """Says whether the agent may fetch the URL. Mind the order: the agent comes first."""
        if self.disallow_all or not self.last_checked:
            return False
        return self.allow_all or self._robots.allowed(useragent, url)

    def crawl_delay(self, useragent: str) -> int | float | None:
        """Returns the seconds that the agent is asked to wait between two requests."""
        delay = self._robots.crawl_delay(useragent)
        return int(delay) if delay is not None and delay.is_integer() else delay

    def request_rate(self, useragent: str) -> RequestRate | None:
        """Returns how many requests the agent may make in how many seconds."""
        rate = self._robots.request_rate(useragent)
        return None if rate is None else RequestRate(rate.requests, int(rate.seconds))

    def site_maps(self) -> list[str] | None:
        """Returns all sitemaps; `None` where there is none."""
        return self._robots.sitemaps or None

    def __str__(self) -> str:
        return self._robots.text.decode("utf-8", "replace")
