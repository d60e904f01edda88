"""The stand-ins for protego and urllib.robotparser, beside what they stand in for."""

from __future__ import annotations

import http.server
import os
import random
import subprocess
import sys
import tarfile
import threading
import urllib.robotparser
from collections.abc import Iterator
from datetime import time
from pathlib import Path
from typing import Any, NamedTuple
from urllib.error import URLError

import protego
import pytest

from crawlrank import robots
from crawlrank.robots import Protego, RobotFileParser

# What patterns are made of, and what they are asked about. A dollar sign in a URL and `index.htm` are left
# out: there the two differ on purpose, see below.
PIECES = [
    "/",
    "/a",
    "/b",
    "a",
    "b",
    "*",
    "$",
    "?x=1",
    "&y=2",
    "%7E",
    "~",
    "%2F",
    "é",
    "%C3%A9",
    ".html",
    ";p",
    "%zz",
    "%2a",
]
PATHS = [
    "/",
    "/a",
    "/b",
    "/ab",
    "/a/b",
    "/a/b.html",
    "/?x=1",
    "/a?x=1&y=2",
    "/~a",
    "/%7Ea",
    "/%2Fa",
    "/é",
    "/%c3%a9/a",
]
PATHS += ["/a;p", "/b/", "/a*", "/a%2Ab", "//a", "/a//b"]


def made_up(dice: random.Random) -> str:
    """A robots.txt whose groups are well-formed."""
    lines = []
    for _ in range(dice.randint(1, 3)):
        lines += [f"User-agent: {agent}" for agent in dice.sample(["alpha", "beta", "*"], dice.randint(1, 2))]
        for _ in range(dice.randint(1, 4)):
            pattern = "".join(dice.choice(PIECES) for _ in range(dice.randint(1, 4)))
            lines.append(
                dice.choice(["Allow: ", "Disallow: ", "disallow:"]) + dice.choice(["/", "/", ""]) + pattern
            )
    return "\n".join(lines)


def test_it_decides_as_protego_does() -> None:
    dice = random.Random(9309)
    for _ in range(3000):
        text = made_up(dice)
        ours, theirs = Protego.parse(text), protego.Protego.parse(text)
        for agent in ("alpha", "beta", "gamma"):
            for path in dice.sample(PATHS, 6):
                url = f"https://a.example{path}"
                assert ours.can_fetch(url, agent) == theirs.can_fetch(url, agent), (text, agent, url)


OTHERS = """\
User-agent: *
Disallow: /x
Crawl-delay: 2.5
Request-rate: 3/2m 0600-0845
Visit-time: 2200-0400
Host: a.example
Sitemap: https://a.example/1
Sitemap: https://a.example/2
"""


def test_it_reads_the_other_lines_as_protego_does() -> None:
    for agent, text in (("alpha", OTHERS), ("alpha", ""), ("alpha", OTHERS.replace("*", "alpha"))):
        ours, theirs = Protego.parse(text), protego.Protego.parse(text)
        assert ours.crawl_delay(agent) == theirs.crawl_delay(agent)
        assert ours.request_rate(agent) == theirs.request_rate(agent)
        assert ours.visit_time(agent) == theirs.visit_time(agent)
        assert list(ours.sitemaps) == list(theirs.sitemaps)
        assert ours.preferred_host == theirs.preferred_host
    rate = Protego.parse(OTHERS).request_rate("alpha")
    assert rate and rate._asdict() == {
        "requests": 3,
        "seconds": 120,
        "start_time": time(6),
        "end_time": time(8, 45),
    }
    visit = Protego.parse(OTHERS).visit_time("alpha")
    assert visit and (visit.start_time, visit.end_time) == (time(22), time(4))
    for kind in (Protego, protego.Protego):
        with pytest.raises(TypeError, match="expects str, got bytes"):
            kind.parse(b"")  # type: ignore[arg-type]


class Difference(NamedTuple):
    """A file that the two read differently, and why ours is read as it is."""

    why: str
    text: str
    agent: str
    path: str
    ours: bool


DIFFERENCES = [
    Difference(
        "names compare whole (RFC 9309, section 2.2.1), not as beginnings of the agent's",
        "User-agent: google\nDisallow: /",
        "googlebot-mobile",
        "/",
        True,
    ),
    Difference(
        "an agent is a product token, not a header that mentions one",
        "User-agent: Foobot\nDisallow: /",
        "Mozilla/5.0 (compatible; Foobot/1.0)",
        "/",
        True,
    ),
    Difference(
        "product tokens are of ASCII letters, `_` and `-`: the rest of a name does not count",
        "User-agent: Jävla-foobot\nDisallow: /",
        "jävla-fanbot",
        "/",
        False,
    ),
    Difference(
        "lines that are no rules do not end a group (section 2.2.4)",
        "User-agent: *\nCrawl-delay: 5\nUser-agent: beta\nDisallow: /",
        "alpha",
        "/",
        False,
    ),
    Difference(
        "a last `$` is the end of the path (section 2.2.3); `%24` is the character",
        "User-agent: *\nDisallow: /a$",
        "alpha",
        "/a$",
        True,
    ),
    Difference(
        "`Allow: /index.htm` allows the directory, as for Google",
        "User-agent: *\nDisallow: /\nAllow: /index.htm",
        "alpha",
        "/",
        True,
    ),
    Difference(
        "a pattern that begins with neither `/` nor `*` matches nothing",
        "User-agent: *\nDisallow: http://b.example/",
        "alpha",
        "/http://b.example/",
        True,
    ),
    Difference(
        "a reserved character and its escape are apart (section 2.2.2)",
        "User-agent: *\nDisallow: /a=b",
        "alpha",
        "/a%3Db",
        True,
    ),
    Difference(
        "names that only begin right are read, as by Google",
        "User-agent: *\nDisallows: /a",
        "alpha",
        "/a",
        False,
    ),
]


@pytest.mark.parametrize("case", DIFFERENCES, ids=[case.why for case in DIFFERENCES])
def test_it_differs_from_protego_only_with_a_reason(case: Difference) -> None:
    url = f"https://a.example{case.path}"
    assert Protego.parse(case.text).can_fetch(url, case.agent) == case.ours
    assert protego.Protego.parse(case.text).can_fetch(url, case.agent) != case.ours


def test_of_several_values_the_first_counts() -> None:
    text = "User-agent: *\nCrawl-delay: 1\nCrawl-delay: 2\nHost: a\nHost: b"
    ours, theirs = Protego.parse(text), protego.Protego.parse(text)
    assert (ours.crawl_delay("x"), theirs.crawl_delay("x")) == (1, 2)
    assert (ours.preferred_host, theirs.preferred_host) == ("a", "b")


# Those of protego's own tests that rest on one of the differences above, or on what only protego has.
OTHERWISE = {
    "test_equal_sign_in_path": "a reserved character and its escape are apart",
    "test_empty_user_agent_line": "a line without colon and value is no user-agent line",
    "test_generosity": "names of agents have no blanks",
    "test_generosity_not_for_unknown_colon_directives": "names that only begin right are read",
    "test_generosity_visit_time": "a time of day has a dash",
    "test_grouping_unknown_keys": "lines that are no rules do not end a group",
    "test_line_endings": "looks at a counter inside",
    "test_malformed_request_rate": "a rate without a period is one a second",
    "test_no_request_rate": "lines that are no rules do not end a group",
    "test_request_rate": "lines that are no rules do not end a group",
    "test_request_rate_bare_number": "lines that are no rules do not end a group",
    "test_special_symbols_dual_behaviour": "a last `$` is the end of the path",
    "test_unicode_url_and_useragent": "product tokens are of ASCII letters",
    "test_user_agent_boundary_matching": "names compare whole",
    "test_user_agent_precedence": "names compare whole",
    "test_visit_time": "lines that are no rules do not end a group",
    "test_with_absolute_urls": "a pattern begins with `/` or `*`",
}


def test_protegos_own_tests_pass_but_for_the_differences(tmp_path: Path) -> None:
    sources = os.environ.get("CRAWLRANK_PROTEGO_SDIST")
    if not sources:
        pytest.skip(
            "CRAWLRANK_PROTEGO_SDIST names no source distribution of protego "
            f"(pip download --no-deps --no-binary :all: protego=={protego_version()})"
        )
    with tarfile.open(sources) as archive:
        archive.extractall(tmp_path, filter="data")
    (tests,) = tmp_path.glob("protego-*/tests")
    (tmp_path / "standin.py").write_text(
        "import protego\nfrom crawlrank.robots import Protego\nprotego.Protego = Protego\n"
    )
    command = [sys.executable, "-m", "pytest", "-q", "-rf", "--tb=no", "-p", "standin", "-c", os.devnull]
    command += ["--rootdir", tests.parent, tests]
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    done = subprocess.run(
        command, cwd=tests.parent, env=environment, capture_output=True, text=True, check=False
    )
    failed = [
        line.split("::")[-1].split(" ")[0].split("[")[0]
        for line in done.stdout.splitlines()
        if "FAILED" in line
    ]
    assert set(failed) == OTHERWISE.keys(), done.stdout[-3000:]


def protego_version() -> str:
    from importlib.metadata import version

    return version("protego")


PARSED = """\
User-agent: alpha
Disallow: /a/
Crawl-delay: 3
Request-rate: 9/30
Sitemap: https://a.example/1

User-agent: *
Disallow: /
"""


def test_it_decides_as_the_robotparser_does() -> None:
    ours, theirs = RobotFileParser(), urllib.robotparser.RobotFileParser()
    parsers: list[Any] = [ours, theirs]
    for parser in parsers:
        assert not parser.can_fetch("alpha", "https://a.example/"), "nothing was read yet"
        assert parser.mtime() == 0
        parser.parse(PARSED.splitlines())
        assert parser.mtime() > 0
    for agent in ("alpha", "alpha/2.0", "beta"):
        for path in ("/", "/a", "/a/b", "/b"):
            url = f"https://a.example{path}"
            assert ours.can_fetch(agent, url) == theirs.can_fetch(agent, url), (agent, url)
    assert ours.crawl_delay("alpha") == theirs.crawl_delay("alpha") == 3
    assert ours.request_rate("alpha") == theirs.request_rate("alpha") == (9, 30)
    assert ours.site_maps() == theirs.site_maps() == ["https://a.example/1"]
    assert RobotFileParser().site_maps() is None
    assert ours.crawl_delay("beta") is theirs.crawl_delay("beta") is None
    assert str(ours).splitlines() == PARSED.splitlines()


def test_where_the_robotparser_differs() -> None:
    lines = ["User-agent: *", "Disallow: /a", "Allow: /a/b", "Disallow: /*.gif$", "Crawl-delay: 1.5"]
    ours, theirs = RobotFileParser(), urllib.robotparser.RobotFileParser()
    ours.parse(lines)
    theirs.parse(lines)
    assert ours.can_fetch("x", "/a/b") and not theirs.can_fetch("x", "/a/b"), (
        "the longest rule, not the first"
    )
    assert not ours.can_fetch("x", "/1.gif") and theirs.can_fetch("x", "/1.gif"), "wildcards"
    assert (ours.crawl_delay("x"), theirs.crawl_delay("x")) == (1.5, None), "seconds have fractions"


@pytest.fixture
def server() -> Iterator[http.server.HTTPServer]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status = int(self.path.strip("/"))
            self.send_response(status)
            self.end_headers()
            self.wfile.write(PARSED.encode() if status == 200 else b"User-agent: *\nDisallow: /")

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize(
    ("status", "allowed"),
    [(200, [True, False]), (404, [True, True]), (403, [True, True]), (503, [False, False])],
)
def test_it_reads_from_a_server(
    server: http.server.HTTPServer, monkeypatch: pytest.MonkeyPatch, status: int, allowed: list[bool]
) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    parser = RobotFileParser(f"http://127.0.0.1:{server.server_port}/{status}")
    parser.read()
    assert [parser.can_fetch("alpha", path) for path in ("/b", "/a/b")] == allowed


def test_a_server_that_is_not_there_raises_and_allows_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    parser = RobotFileParser("http://127.0.0.1:1/robots.txt")
    with pytest.raises(URLError):
        parser.read()
    assert not parser.can_fetch("alpha", "/")


def test_they_are_what_the_module_exports() -> None:
    assert robots.Protego is Protego and robots.RobotFileParser is RobotFileParser
