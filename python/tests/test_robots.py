"""`crawlrank.robots`: one file, a fetch, columns of files."""

from __future__ import annotations

import email.message
import multiprocessing
import pickle
import signal
import subprocess
import sys
import threading
import time
from typing import Any

import polars as pl
import pyarrow as pa
import pytest

import crawlrank as cr
from crawlrank import robots

TEXT = """\
User-agent: *
Disallow: /private # not yours
Allow: /private/open
Crawl-delay: 1.5
Request-rate: 1/10m 0600-0845
Content-Signal: ai-train=no, search=yes
Content-Usage: /private train-ai=n
Sitemap: https://a.example/sitemap
Host: a.example

Useragent: GPTBot
Disalow: /
frobnicate
"""


def test_a_file_is_asked_again_and_again() -> None:
    rules = robots.parse(TEXT)
    for _ in range(2):
        assert not rules.allowed("CCBot", "https://a.example/private/x")
        assert rules.allowed("CCBot", "/private/open")
        assert not rules.allowed("GPTBot/1.0", b"/private/open")
    assert rules.names("gptbot") and not rules.names("CCBot")
    assert repr(rules) == f"<robots.txt of {len(TEXT)} bytes: 2 groups, 3 rules>"


def test_more_agents_than_are_kept_get_the_same_answers() -> None:
    names = [a + b for a in "abcdefgh" for b in "abcdefgh"]
    rules = robots.parse("".join(f"User-agent: {name}\nDisallow: /{name}\n" for name in names))
    for _ in range(2):
        for name in names:
            assert [other for other in names if not rules.allowed(name, f"/{other}")] == [name]


def test_threads_share_a_file() -> None:
    names = [a + b for a in "abcdefgh" for b in "abcdefgh"]
    rules = robots.parse("".join(f"User-agent: {name}\nDisallow: /{name}\n" for name in names))
    wrong: list[str] = []

    def ask(shift: int) -> None:
        for name in names[shift:] + names[:shift]:
            if rules.allowed(name, f"/{name}") or not rules.allowed(name, "/"):
                wrong.append(name)

    threads = [threading.Thread(target=ask, args=(shift,)) for shift in range(0, 64, 8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_an_answer_explains_itself() -> None:
    rules = robots.parse(TEXT)
    decision = rules.explain("CCBot", "https://a.example/private/open/x")
    assert decision.allowed and decision
    assert (decision.line, decision.rule, decision.pattern) == (3, "Allow: /private/open", "/private/open")
    assert (decision.octets, decision.path, decision.leniencies) == (13, "/private/open/x", [])
    assert decision.group == "that of `*`, from line 1"
    assert decision.reason == "line 3 is the longest of 2 rules that match"
    assert [(lost.line, lost.rule, lost.allow) for lost in decision.beaten] == [
        (2, "Disallow: /private", False)
    ]
    assert repr(decision).startswith("<allowed /private/open/x: line 3 is the longest")

    decision = rules.explain("GPTBot", "/")
    assert not decision
    assert decision.leniencies == ["name misspelled"]
    assert decision.group_leniencies == ["name misspelled"]
    decision = rules.explain("CCBot", "/")
    assert (decision.allowed, decision.line, decision.rule, decision.beaten) == (True, None, None, [])
    assert rules.explain("CCBot", "/robots.txt").is_robots_txt


def test_the_rest_of_a_file() -> None:
    rules = robots.parse(TEXT)
    assert (rules.crawl_delay("CCBot"), rules.crawl_delay("GPTBot")) == (1.5, None)
    rate = rules.request_rate("CCBot")
    assert rate and (rate.requests, rate.seconds) == (1, 600.0)
    assert rate.time and (rate.time.start_minute, rate.time.end_minute) == (360, 525)
    assert rate == robots.parse(TEXT).request_rate("x") and rules.request_rate("GPTBot") is None
    assert robots.parse("User-agent: *\nVisit-time: 0600-0845").visit_time("x") == rate.time
    assert (rules.sitemaps, rules.host, rules.clean_params) == (
        ["https://a.example/sitemap"],
        "a.example",
        [],
    )
    assert [(group.line, group.agents, len(group.rules)) for group in rules.groups] == [
        (1, ["*"], 2),
        (11, ["GPTBot"], 1),
    ]
    rule = rules.groups[0].rules[1]
    assert (rule.line, rule.allow, rule.pattern) == (3, True, "/private/open")
    assert [(warning.line, warning.text) for warning in rules.warnings][-1] == (13, "frobnicate")
    assert robots.parse("<!doctype html>").is_html and not rules.is_html
    assert not rules.is_truncated and robots.parse(TEXT, max_bytes=20).is_truncated
    assert robots.parse("User-agent: *\nDisalow: /", leniencies=False).allowed("x", "/")


def test_signals_of_an_agent_and_of_a_url() -> None:
    signals = robots.parse(TEXT).signals("CCBot", "/private/open")
    assert (signals.search, signals.ai_input, signals.ai_train) == (True, None, False)
    assert signals.usage == {"train-ai": False}
    assert signals.content_signal == "ai-train=no, search=yes"
    assert robots.parse(TEXT).signals("CCBot").usage is None
    assert repr(robots.parse("").signals("CCBot", "/")) == "<signals: nothing stated>"


@pytest.mark.parametrize(
    "body",
    ["", b"\0\xff\xfe", "\ud800", "Disallow" * 100_000, b"\xef\xbb\xbfUser-agent: *\nDisallow: /"],
    ids=["empty", "binary", "lone surrogate", "long", "byte order mark"],
)
def test_no_content_raises(body: str | bytes) -> None:
    rules = robots.parse(body)
    for agent in ("CCBot", "", "\ud800", "*"):
        assert isinstance(rules.allowed(agent, "\udfff"), bool)
        assert isinstance(rules.explain(agent, b"\xff").allowed, bool)
    assert isinstance(rules.warnings, list)


def test_any_kind_of_bytes_will_do_and_nothing_else() -> None:
    expected = robots.parse(TEXT).to_bytes()
    for body in (TEXT.encode(), bytearray(TEXT.encode()), memoryview(TEXT.encode())):
        assert robots.parse(body).to_bytes() == expected
    with pytest.raises(TypeError, match="`body` is of type int"):
        robots.parse(5)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="one URL, expected several"):
        robots.parse(TEXT).allowed_many("CCBot", "/x")


def test_a_parsed_file_is_kept_as_bytes() -> None:
    rules = robots.parse(TEXT)
    kept = rules.to_bytes()
    for copy in (robots.from_bytes(kept), pickle.loads(pickle.dumps(rules))):
        assert copy.to_bytes() == kept
        assert not copy.allowed("CCBot", "/private")
    for bad in (b"", kept[:-1], b"x" + kept[1:], kept[:-2] + bytes([kept[-2] ^ 1]) + kept[-1:]):
        with pytest.raises(cr.CrawlrankError, match=r"robots\.txt"):
            robots.from_bytes(bad)


@pytest.mark.parametrize(
    ("status", "options", "kind"),
    [
        (200, {}, "rules"),
        (204, {}, "rules"),
        (301, {}, "allow_all"),
        (304, {}, "disallow_all"),
        (200, {"redirects": 6}, "allow_all"),
        (403, {}, "allow_all"),
        (404, {}, "allow_all"),
        (429, {}, "disallow_all"),
        (503, {}, "disallow_all"),
        (503, {"unreachable_for": 31 * 86400}, "allow_all"),
        (None, {}, "disallow_all"),
    ],
)
def test_access_follows_from_a_fetch(status: int | None, options: dict[str, int], kind: str) -> None:
    access = robots.from_response(status, TEXT, {"Content-Type": "text/plain"}, **options)
    assert access.kind == kind
    assert access.allowed("CCBot", "/private") == (kind == "allow_all")
    assert (access.rules is not None) == (kind == "rules")
    assert access.allowed("CCBot", "/robots.txt")
    assert access.fresh_for == 86400


def test_an_answer_grows_old() -> None:
    assert robots.from_response(200, b"", age=86000).fresh_for == 400
    assert robots.from_response(200, b"", age=90000).fresh_for == 0
    with pytest.raises(cr.CrawlrankError, match="`age` is -1"):
        robots.from_response(200, b"", age=-1)


def test_headers_say_how_long_an_answer_may_be_used() -> None:
    message = email.message.Message()  # what http.client and urllib give
    message["Content-Type"] = "text/plain"
    message["Cache-Control"] = "public"
    message["cache-control"] = "max-age=600"
    forms: list[object] = [
        message,
        {"CACHE-CONTROL": "max-age=600"},
        {b"Cache-Control": [b"public", b"max-age=600"]},
        [("Cache-Control", "max-age=600"), ("X", b"\xff")],
        [[b"cache-control", b"max-age=600"]],
        {"Date": "Sun, 06 Nov 1994 08:49:37 GMT", "Expires": "Sun, 06 Nov 1994 08:59:37 GMT"},
    ]
    for headers in forms:
        assert robots.from_response(200, b"", headers).fresh_for == 600, headers
        assert robots.from_response(404, b"", headers, age=100).fresh_for == 500, headers
        assert robots.from_response(503, b"", headers).fresh_for == 86400, headers
    assert robots.from_response(429, b"", {"Retry-After": "120"}).fresh_for == 120
    assert robots.from_response(200, b"", {}).fresh_for == 86400
    with pytest.raises(TypeError, match="`headers` is of type int"):
        robots.from_response(200, b"", {"Age": 1})
    for no_headers in ("Age: 1", b"Age: 1", 1, ["Age"], [("Age",)], [("Age", "1", "2")]):
        with pytest.raises(TypeError, match=r"`headers` .*, expected a mapping of names to values, or pairs"):
            robots.from_response(200, b"", no_headers)


def test_ctrl_c_stops_a_long_call() -> None:
    code = (
        "import sys, pyarrow as pa\n"
        "from crawlrank import robots\n"
        "rows, agents = 100_000, [f'bot-{n}' for n in range(1000)]\n"
        "bodies = pa.array(['User-agent: *\\nDisallow: /a*b$\\n' * 20] * rows)\n"
        "urls = pa.array(['https://a.example/'] * rows)\n"
        "print('asking', flush=True)\n"
        "try:\n"
        "    robots.census(bodies, agents, urls, lines=True)\n"
        "except KeyboardInterrupt:\n"
        "    sys.exit('interrupted')\n"
    )
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "asking\n"
        time.sleep(0.3)  # minutes are left
        process.send_signal(signal.SIGINT)
        sent = time.monotonic()
        _, messages = process.communicate(timeout=60)
    assert (process.returncode, messages) == (1, "interrupted\n")
    assert time.monotonic() - sent < 5  # a fraction of a second, on a machine that does nothing else


URLS = ["/private/x", "/private/open", None, "https://a.example/"]
COLUMNS: dict[str, Any] = {
    "polars": pl.Series(URLS),
    "polars, binary": pl.Series([url and url.encode() for url in URLS]),
    "array": pa.array(URLS),
    "array, large": pa.array(URLS, pa.large_string()),
    "array, view": pa.array(URLS, pa.string_view()),
    "array, sliced": pa.array(["x", *URLS, "y"]).slice(1, 4),
    "binary": pa.array(URLS).cast(pa.binary()),
    "binary, large": pa.array(URLS).cast(pa.large_binary()),
    "chunked": pa.chunked_array([URLS[:1], [], URLS[1:]]),
    "chunked, view": pa.chunked_array([URLS[:2], URLS[2:]], pa.string_view()),
}


@pytest.mark.parametrize("name", COLUMNS)
def test_many_urls_of_one_file(name: str) -> None:
    answers = robots.parse(TEXT).allowed_many("CCBot", COLUMNS[name])
    assert isinstance(answers, cr.Column)
    expected = [False, True, None, True]
    assert answers.to_list() == expected
    assert pa.array(answers).to_pylist() == pa.array(answers).to_pylist() == expected
    assert pl.Series(answers).to_list() == expected
    assert (len(answers), answers.null_count, answers.type) == (4, 1, "Boolean")
    assert robots.allowed_many(pa.array([TEXT]), "CCBot", COLUMNS[name]).to_list() == expected


def test_pandas_is_welcome() -> None:
    pd = pytest.importorskip("pandas")
    answers = robots.parse(TEXT).allowed_many("CCBot", pd.Series(["/private", "/"]))
    assert answers.to_list() == [False, True]


def test_a_list_gives_a_list() -> None:
    rules = robots.parse(TEXT)
    assert rules.allowed_many("CCBot", ["/private/x", b"/x"]) == [False, True]
    assert rules.allowed_many("CCBot", (url for url in ["/private/x"])) == [False]
    assert rules.allowed_many("CCBot", []) == []


BODIES = [TEXT, None, "", TEXT, b"User-agent: *\nDisallow: /".decode()]


def test_each_url_by_the_file_of_its_row() -> None:
    urls = ["/private", "/", "/private", None, "/"]
    expected = [False, None, True, None, False]
    for bodies in (pl.Series(BODIES), pa.array(BODIES), pa.chunked_array([BODIES[:2], BODIES[2:]])):
        assert robots.allowed_many(bodies, "CCBot", pa.array(urls)).to_list() == expected
    empty = pa.chunked_array([], pa.string())
    assert robots.allowed_many(empty, "CCBot", empty).to_list() == []


def test_columns_that_do_not_fit_are_refused() -> None:
    with pytest.raises(cr.CrawlrankError, match="expected as many"):
        robots.allowed_many(pl.Series(BODIES), "CCBot", pl.Series(["/"]))
    with pytest.raises(cr.CrawlrankError, match="column of type Int64"):
        robots.rules(pa.array([1]))
    with pytest.raises(cr.CrawlrankError, match="`bodies` is a table"):
        robots.rules(pa.table({"a": ["x"]}))
    with pytest.raises(TypeError, match="of type list, expected Arrow data"):
        robots.rules(["x"])  # type: ignore[arg-type]


def test_text_that_is_none_is_taken_as_bytes() -> None:
    odd = pa.Array.from_buffers(pa.string(), 1, pa.array([b"/\xff\xfe"]).buffers())
    assert robots.parse("User-agent: *\nDisallow: /%FF").allowed_many("x", odd).to_list() == [False]


@pytest.mark.parametrize("urls", [pl.Series(["/private", "/", "/", "/", "/"]), None])
def test_a_census(urls: pl.Series | None) -> None:
    if urls is None:
        urls = pl.Series([["/private", "/"], ["/"], [], ["/"], ["/"]])
    found = pl.DataFrame(robots.census(pl.Series(BODIES), ["CCBot", "GPTBot"], urls, lines=True))
    assert found.columns == ["file", "agent", "url", "allowed", "line"]
    first = found.filter(pl.col("file") == 0).head(2)
    assert first["agent"].to_list() == ["CCBot", "GPTBot"]
    assert first["allowed"].to_list() == [False, False]
    assert first["line"].to_list() == [2, 12]
    assert 1 not in found["file"]
    without = pl.DataFrame(robots.census(pl.Series(BODIES), ["CCBot", "GPTBot"], urls))
    assert without["line"].null_count() == len(without)
    assert without["allowed"].equals(found["allowed"])


def test_tables_of_files() -> None:
    bodies = pl.Series(BODIES)
    tables = {
        "file group line allow pattern": robots.rules(bodies),
        "file group line agents rules": robots.groups(bodies),
        "file sitemap": robots.sitemaps(bodies),
        "file agent crawl_delay requests period": robots.delays(bodies, ["CCBot", "GPTBot"]),
        "file agent search ai_input ai_train content_use content_signal content_usage": robots.signals(
            bodies, ["CCBot"]
        ),
    }
    sizes = [7, 5, 2, 2, 2]
    for (columns, table), size in zip(tables.items(), sizes, strict=True):
        assert table.columns == columns.split()
        assert len(table) == size
        assert pa.table(table).num_rows == len(pl.DataFrame(table)) == size
        assert repr(table).splitlines()[0].split() == table.columns
    assert pl.DataFrame(robots.groups(bodies))["agents"].to_list()[:2] == [["*"], ["GPTBot"]]


def ask_in_a_child(answers: Any) -> None:  # noqa: ANN401
    answers.put(robots.parse(TEXT).allowed_many("CCBot", pa.array(URLS)).to_list())


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_has_threads_of_its_own() -> None:
    robots.parse(TEXT).allowed_many("CCBot", pa.array(URLS))  # starts those of the parent
    context = multiprocessing.get_context("fork")
    answers = context.Queue()
    child = context.Process(target=ask_in_a_child, args=(answers,))
    child.start()
    try:
        assert answers.get(timeout=60) == [False, True, None, True]
    finally:
        child.kill()
        child.join()
