"""The rules of cc-pyspark's jobs, for benches to compare with: pairs of addresses, and pairs of hosts.

Written after `ExtractLinksJob` and `ExtractHostLinksJob` (commit 49daea0) as their FastWARC variants run
them, with the fastest JSON that they take, orjson; counters and logs are left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import idna
import orjson
from fastwarc.warc import ArchiveIterator, WarcRecordType

SITEMAP_SHARD = re.compile(r".*/robotstxt/")
SITEMAP = re.compile(rb"Sitemap:\s*(\S+)", re.I)
SUCCESS = re.compile(rb"HTTP\s*/\s*1\.[01]\s*200\b")
REDIRECT = re.compile(rb"HTTP\s*/\s*1\.[01]\s*30[12378]\b")
LOCATION = re.compile(rb"Location:\s*(\S+)", re.I)
IN_BRACKETS = re.compile(r"<([^>]*)>")
ABSOLUTE = re.compile(r"(?:https?:)?//")
TO_ELSEWHERE = re.compile(r"(?:[a-z][a-z0-9]{1,5}:)?//", re.I | re.A)
PLAIN_URL = re.compile(r"https?://([a-z0-9_.-]{2,253})(?:[/?#]|\Z)", re.I | re.A)
IP_ADDRESS = re.compile(r"(?:www\.)?\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}\Z")
LABEL = re.compile(r"[a-z0-9]([a-z0-9_-]{0,61}[a-z0-9])?\Z", re.I | re.A)
META_PROPERTIES = frozenset(
    f"{of}:{what}"
    for of, several in {
        "og": ["url", "image", "image:secure_url", "video", "video:url", "video:secure_url"],
        "twitter": ["url", "image:src"],
    }.items()
    for what in several
)
META_NAMES = frozenset(
    [
        "twitter:image",
        "thumbnail",
        "application-url",
        "msapplication-starturl",
        "msapplication-TileImage",
        "vb_meta_bburl",
    ]
)
Pair = tuple[str, str]


def header_links(headers: dict[str, Any]) -> Iterator[str]:
    for name, value in headers.items():
        lower = name.lower()
        if lower not in ("link", "content-location"):
            continue
        for text in value if isinstance(value, list) else [value]:
            yield from IN_BRACKETS.findall(text) if lower == "link" else [text]


# --- Addresses. ---


def link_pairs(shard: Path) -> Iterator[Pair]:
    """The pairs of addresses of a shard, as `ExtractLinksJob` gives them.

    A page, or a group of elements, without links gives a pair of itself.
    """
    with shard.open("rb") as stream:
        for record in ArchiveIterator(stream, record_types=WarcRecordType.metadata, parse_http=False):
            if record.headers.get("Content-Type") != "application/json":
                continue
            try:
                envelope = orjson.loads(record.reader.read())["Envelope"]
            except ValueError:
                continue
            header = envelope["WARC-Header-Metadata"]
            if header["WARC-Type"] == "response":
                url = header["WARC-Target-URI"]
                nothing = True
                for pair in link_pairs_of_page(url, envelope):
                    nothing = False
                    yield pair
                if nothing:
                    yield url, url


def link_pairs_of_page(url: str, envelope: dict[str, Any]) -> Iterator[Pair]:
    response = envelope.get("Payload-Metadata", {}).get("HTTP-Response-Metadata")
    if response is None:
        return
    for address in header_links(response.get("Headers", {})):
        yield url, address
    html = response.get("HTML-Metadata")
    if html is None:
        return
    head = html.get("Head", {})
    base = url
    if "Base" in head:
        with suppress(ValueError):
            base = urljoin(url, head["Base"]) or url
    if "Link" in head:
        yield from link_pairs_of_elements(url, base, head["Link"], "url")
    for meta in head.get("Metas", ()):
        if (
            meta.get("property") in META_PROPERTIES
            or meta.get("name") in META_NAMES
            or ABSOLUTE.match(meta.get("content", ""))
        ):
            yield from link_pairs_of_elements(url, base, (meta,), "content")
    if "Scripts" in head:
        yield from link_pairs_of_elements(url, base, head["Scripts"], "url")
    if "Links" in html:
        yield from link_pairs_of_elements(url, base, html["Links"], "url", "href")


def link_pairs_of_elements(
    url: str, base: str, elements: Iterable[dict[str, str]], attribute: str, style: str = ""
) -> Iterator[Pair]:
    nothing = True
    for element in elements:
        address = element.get(attribute)
        if address is None:
            address = element.get(style)
            if address is None or not ABSOLUTE.match(address):
                continue
        try:
            target = urljoin(base, address)
        except ValueError:
            continue
        nothing = False
        yield url, target
    if nothing:
        yield url, url


# --- Hosts. ---


class HostPairs:
    """What a task of `ExtractHostLinksJob` does: pairs of reversed hosts of the shards of a partition.

    That commit strips a leading `www.` (`www="strip"`); since 2026 Common Crawl's graphs keep it.
    """

    def __init__(self, www: str) -> None:
        self.strips_www = www == "strip"

    def __call__(self, _partition: int, shards: Iterable[str]) -> Iterator[Pair]:
        for shard in shards:
            holds_robots = SITEMAP_SHARD.match(shard) is not None
            with Path(shard).open("rb") as stream:
                types = WarcRecordType.metadata | WarcRecordType.response
                # A shard that breaks off is left there.
                with suppress(OSError):
                    for record in ArchiveIterator(stream, record_types=types, parse_http=False):
                        yield from self.record_pairs(record, holds_robots)

    def record_pairs(self, record: Any, holds_robots: bool) -> Iterator[Pair]:  # noqa: ANN401
        if record.record_type == WarcRecordType.response:
            pairs = self.response_pairs(record, holds_robots)
        elif record.headers.get("Content-Type") == "application/json":
            try:
                envelope = orjson.loads(record.reader.read())["Envelope"]
            except ValueError:
                return
            header = envelope["WARC-Header-Metadata"]
            if header["WARC-Type"] != "response":
                return
            pairs = self.page_pairs(header["WARC-Target-URI"], envelope)
        else:
            return
        nothing = True
        for pair in pairs:
            nothing = False
            yield pair
        if nothing:  # a page without links is a node, too
            url = record.headers.get("WARC-Target-URI")
            yield from self.pair(url, url)

    def page_pairs(self, url: str, envelope: dict[str, Any]) -> Iterator[Pair]:
        # What a record lacks ends it, and what was found stays.
        with suppress(KeyError):
            response = envelope["Payload-Metadata"]["HTTP-Response-Metadata"]
            source = self.host(url)
            if source and "Headers" in response:
                for address in header_links(response["Headers"]):
                    target = self.host(address)
                    if target is not None and target != source:
                        yield source, target
            html = response.get("HTML-Metadata")
            if html is None:
                return
            head = html.get("Head", {})
            base = base_host = None
            if "Base" in head:
                with suppress(ValueError):
                    base = urljoin(url, head["Base"])
                    base_host = self.host(base)
            page = source or base_host, base, base_host
            if "Link" in head:
                yield from self.element_pairs(*page, head["Link"], "url")
            for meta in head.get("Metas", ()):
                if (
                    ("property" in meta and meta["property"] in META_PROPERTIES)
                    or ("name" in meta and meta["name"] in META_NAMES)
                    or ("content" in meta and ABSOLUTE.match(meta["content"]))
                ):
                    yield from self.element_pairs(*page, (meta,), "content")
            if "Scripts" in head:
                yield from self.element_pairs(*page, head["Scripts"], "url")
            if "Links" in html:
                yield from self.element_pairs(*page, html["Links"], "url", "href")

    def element_pairs(
        self,
        source: str | None,
        base: str | None,
        base_host: str | None,
        elements: Iterable[dict[str, str]],
        attribute: str,
        other: str | None = None,
    ) -> Iterator[Pair]:
        if not source:
            return
        targets = set()
        is_any_relative = False
        for element in elements:
            if not element:
                continue
            if attribute in element:
                address = element[attribute]
            elif other in element and ABSOLUTE.match(element[other]):
                address = element[other]
            else:
                continue
            if not TO_ELSEWHERE.match(address):
                is_any_relative = True
                continue
            target = self.host(address)
            if target and target != source:
                targets.add(target)
        for target in targets:
            yield source, target
        if is_any_relative and base is not None and base_host and base_host != source:
            yield source, base_host

    def response_pairs(self, record: Any, holds_robots: bool) -> Iterator[Pair]:  # noqa: ANN401
        url = record.headers.get("WARC-Target-URI")
        status = record.reader.readline()
        if holds_robots and SUCCESS.match(status):
            while (line := record.reader.readline()) and line != b"\r\n":
                pass
            while line := record.reader.readline():
                if found := SITEMAP.match(line):
                    with suppress(UnicodeError):
                        yield from (p for p in self.pair(url, found[1].decode()) if p[0] != p[1])
        elif REDIRECT.match(status):
            while (line := record.reader.readline()) and line != b"\r\n":
                if found := LOCATION.match(line):
                    with suppress(UnicodeError):
                        yield from self.pair(url, found[1].decode())
                    return

    def pair(self, source_url: str, target_url: str) -> Iterator[Pair]:
        source, target = self.host(source_url), self.host(target_url)
        if source and target:
            yield source, target

    def host(self, url: str) -> str | None:
        """The reversed host of a URL, or None where there is none that counts."""
        if plain := PLAIN_URL.match(url):
            host = plain[1]
        else:
            try:
                host = urlsplit(url).hostname
            except ValueError:
                return None
            if not host:
                return None
        host = host.strip().lower()
        if not 1 <= len(host) <= 253 or IP_ADDRESS.match(host):
            return None
        labels = host.split(".")
        if labels[-1] == "":
            labels.pop()
        if len(labels) <= 1:
            return None
        if self.strips_www and len(labels) > 2 and labels[0] == "www":
            del labels[0]
        for place, label in enumerate(labels):
            if len(label) > 63:
                return None
            if not LABEL.match(label):
                try:
                    labels[place] = idna.encode(label).decode("ascii")
                except (UnicodeError, IndexError):
                    return None
                if not LABEL.match(labels[place]):
                    return None
        return ".".join(reversed(labels))
