"""A stand-in for protego: `from crawlrank.robots import Protego`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import time
from typing import NamedTuple

from crawlrank import _core


class RequestRate(NamedTuple):
    """So many requests in so many seconds; between two times of day (UTC), if these are given."""

    requests: int
    seconds: int
    start_time: time | None
    end_time: time | None


class VisitTime(NamedTuple):
    """Two times of day, in UTC."""

    start_time: time
    end_time: time


class Protego:
    """The interface of protego's class over crawlrank's parser.

    Answers are those of RFC 9309 with Google's leniencies, so they differ where protego's do: a group is for
    the agents whose whole product token it names (there for all in whose name its own is found), lines that
    are no rules do not end it, `$` at the end of a rule is never a dollar sign, `Allow: /index.html` allows
    the directory, too, and of several delays, rates or hosts the first counts.
    """

    __slots__ = ("_robots",)

    def __init__(self) -> None:
        self._robots = _core.robots_parse(b"")

    @classmethod
    def parse(cls, content: str) -> Protego:
        """Parses a robots.txt. Any content will do.

        Raises:
            TypeError: `content` is no str. `crawlrank.robots.parse` takes bytes, too.
        """
        if not isinstance(content, str):
            raise TypeError(f"Protego.parse expects str, got {type(content).__name__}")
        parsed = cls()
        parsed._robots = _core.robots_parse(content)
        return parsed

    def can_fetch(self, url: str, user_agent: str) -> bool:
        """Says whether the agent may fetch the URL. Mind the order: the URL comes first."""
        return self._robots.allowed(user_agent, url)

    def crawl_delay(self, user_agent: str) -> float | None:
        """Returns the seconds that the agent is asked to wait between two requests."""
        return self._robots.crawl_delay(user_agent)

    def request_rate(self, user_agent: str) -> RequestRate | None:
        """Returns how many requests the agent may make in how many seconds, and when."""
        rate = self._robots.request_rate(user_agent)
        if rate is None:
            return None
        start, end = (None, None) if rate.time is None else _times(rate.time)
        return RequestRate(rate.requests, int(rate.seconds), start, end)

    def visit_time(self, user_agent: str) -> VisitTime | None:
        """Returns when the agent may come."""
        visit = self._robots.visit_time(user_agent)
        return None if visit is None else VisitTime(*_times(visit))

    @property
    def sitemaps(self) -> Iterator[str]:
        """All sitemaps, in the order of the file."""
        return iter(self._robots.sitemaps)

    @property
    def preferred_host(self) -> str | None:
        """What the `Host` line names."""
        return self._robots.host


def _times(visit: _core.VisitTime) -> tuple[time, time]:
    start, end = visit.start_minute, visit.end_minute
    return time(start // 60, start % 60), time(end // 60, end % 60)
