"""Records of shards that the tests write themselves."""

from __future__ import annotations

import gzip
import threading
from pathlib import Path

import pytest

import crawlrank as cr


def member(block: bytes, *fields: bytes, kind: bytes = b"response") -> bytes:
    """A WARC record as a gzip member."""
    head = [b"WARC/1.0", b"WARC-Type: " + kind, *fields, b"Content-Length: %d" % len(block)]
    return gzip.compress(b"\r\n".join(head) + b"\r\n\r\n" + block + b"\r\n\r\n", mtime=0)


MEMBERS = [
    member(b"software: test", kind=b"warcinfo"),
    member(b"HTTP/1.1 200 OK\r\n\r\nhello", b"WARC-Target-URI: <http://a.example/>", b"X: 1", b"x: 2"),
    member(b"{}", b"WARC-Target-URI: http://b.example/\xff", kind=b"metadata"),
]


@pytest.fixture
def shard(tmp_path: Path) -> Path:
    path = tmp_path / "shard.warc.gz"
    path.write_bytes(b"".join(MEMBERS))
    return path


def test_records_come_in_order_with_their_place(shard: Path) -> None:
    records = cr.records(shard)
    assert iter(records) is records
    found = [(r.type, r.offset, r.bytes, r.block) for r in records]
    ends = [sum(map(len, MEMBERS[:n])) for n in range(4)]
    assert found == [
        ("warcinfo", ends[0], len(MEMBERS[0]), b"software: test"),
        ("response", ends[1], len(MEMBERS[1]), b"HTTP/1.1 200 OK\r\n\r\nhello"),
        ("metadata", ends[2], len(MEMBERS[2]), b"{}"),
    ]
    assert next(records, None) is None
    assert records.faults == []
    assert records.totals["records"] == 3
    assert records.totals["bytes"] == records.totals["record_bytes"] == shard.stat().st_size


def test_a_record_outlives_its_iterator(shard: Path) -> None:
    kept = list(cr.records(str(shard)))[1]
    assert kept.block is kept.block
    assert kept.url == "http://a.example/"
    assert repr(kept) == f"<record response at {kept.offset}: http://a.example/>"


def test_the_header_is_a_mapping_in_any_case(shard: Path) -> None:
    _, response, metadata = cr.records(shard)
    header = response.header
    assert header["warc-type"] == header["WARC-Type"] == "response"
    assert "X" in header and "y" not in header
    assert header.get("y") is None and header.get("y", 7) == 7
    with pytest.raises(KeyError):
        header["y"]
    assert dict(header) == dict(header.items())
    assert list(header) == header.keys() == ["WARC-Type", "WARC-Target-URI", "X", "Content-Length"]
    assert header.values()[2] == "1"
    assert len(header) == 4 and len(header.fields()) == 5
    assert ("x", "2") in header.fields()
    assert metadata.url is not None
    assert metadata.url.encode("utf-8", "surrogateescape") == b"http://b.example/\xff"


def test_only_records_of_the_types_asked_for_are_given(shard: Path) -> None:
    records = cr.records(shard, types="metadata")
    assert [record.type for record in records] == ["metadata"]
    assert records.totals["records"] == 3
    assert records.totals["record_bytes"] == shard.stat().st_size
    several = iter(("warcinfo", "metadata"))
    assert [record.type for record in cr.records(shard, types=several)] == ["warcinfo", "metadata"]
    assert list(cr.records(shard, types={"revisit"})) == list(cr.records(shard, types=())) == []


def test_many_records_of_other_types_are_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "many.warc.gz"
    path.write_bytes(MEMBERS[1] * 2500 + MEMBERS[2])
    (found,) = cr.records(path, types=["metadata"])
    assert found.offset == 2500 * len(MEMBERS[1])


@pytest.mark.parametrize("types", ["responses", ["response", "Response"]])
def test_a_type_that_does_not_exist_is_named_with_those_that_do(shard: Path, types: object) -> None:
    with pytest.raises(cr.UsageError, match=r'"[rR]esponses?", expected `response`, `metadata`'):
        cr.records(shard, types=types)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        cr.records(shard, types=[1])  # type: ignore[list-item]


def test_http_is_taken_apart(tmp_path: Path) -> None:
    http = b"HTTP/1.1 404 Not Found\r\nServer: x\r\nLink: a\r\nlink: b\r\n\r\n<p>gone"
    path = tmp_path / "http.warc.gz"
    members = [
        member(http),
        member(b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n", kind=b"request"),
        member(http, kind=b"resource"),
        member(b"20250101000000\n192.0.2.1\n"),
    ]
    path.write_bytes(b"".join(members))
    response, request, resource, dns = cr.records(path)
    assert (response.http_status, response.payload) == (404, b"<p>gone")
    assert response.http_header is not None
    assert dict(response.http_header) == {"Server": "x", "Link": "a"}
    assert response.http_header["LINK"] == "a" and "WARC-Type" not in response.http_header
    assert response.http_header.fields()[1:] == [("Link", "a"), ("link", "b")]
    assert request.http_header is not None and request.http_header.get("host") == "a.example"
    assert (request.http_status, request.payload) == (None, b"")
    for other in (resource, dns):
        assert other.http_status is None and other.http_header is None
        assert other.payload is other.block


def test_what_records_hold_is_not_written_over(tmp_path: Path) -> None:
    # Larger and smaller in turn: each is read into the same memory.
    blocks = [bytes([n]) * (100_000 if n % 2 else 10) for n in range(20)]
    path = tmp_path / "sizes.warc.gz"
    path.write_bytes(b"".join(member(block, b"N: %d" % n) for n, block in enumerate(blocks)))
    kept = list(cr.records(path))
    assert [record.block for record in kept] == blocks
    assert [record.header["N"] for record in kept] == [str(n) for n in range(20)]


def test_damage_is_a_fault_and_reading_goes_on(tmp_path: Path) -> None:
    bad = bytearray(MEMBERS[1])
    bad[-8] ^= 1  # the checksum
    path = tmp_path / "damaged.warc.gz"
    path.write_bytes(MEMBERS[0] + bad + MEMBERS[2])
    records = cr.records(path)
    assert [record.type for record in records] == ["warcinfo", "metadata"]
    (fault,) = records.faults
    assert (fault.kind, fault.offset, fault.bytes) == ("bad_crc", len(MEMBERS[0]), len(bad))
    assert fault.path == path
    assert fault.detail and "bad_crc" in repr(fault)
    totals = records.totals
    assert totals["faults"] == 1
    assert totals["fault_bytes"] == len(bad)
    assert totals["bytes"] == totals["record_bytes"] + len(bad) == path.stat().st_size


def test_warnings_are_counted_by_kind(tmp_path: Path) -> None:
    path = tmp_path / "lf.warc"
    path.write_bytes(b"WARC/1.0\nWARC-Type: resource\nContent-Length: 2\n\nok\n\n")
    records = cr.records(path)
    assert [record.block for record in records] == [b"ok"]
    assert records.totals["warnings"] == {"lf_only": 1}


@pytest.mark.parametrize("content", [b"<html>503 Slow Down</html>", b"", b"filedesc://a.arc 0.0.0.0 1 a 1\n"])
def test_what_is_no_warc_is_refused_whole(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.warc.gz"
    path.write_bytes(content)
    with pytest.raises(cr.CrawlrankError) as caught:
        list(cr.records(path))
    assert caught.value.code == "E-FORMAT"
    assert caught.value.path == str(path)


def test_what_cannot_be_opened_says_what_it_is(tmp_path: Path) -> None:
    for path, why in ((tmp_path, "found a folder, expected a shard"), (tmp_path / "nothing", "No such file")):
        with pytest.raises(cr.ReadWriteError, match=why) as caught:
            cr.records(path)
        assert (caught.value.path, caught.value.offset) == (str(path), None)


def test_threads_may_share_an_iterator(tmp_path: Path) -> None:
    path = tmp_path / "many.warc.gz"
    path.write_bytes(MEMBERS[1] * 2000)
    records = cr.records(path)
    offsets: list[int] = []
    workers = [threading.Thread(target=lambda: offsets.extend(r.offset for r in records)) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert sorted(offsets) == [n * len(MEMBERS[1]) for n in range(2000)]
