"""What a manifest's lines are, and what is wrong with each."""

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from api.runtime.manifests.manifest_lines import MAX_PIECE, Entry, Position, Rejection, entries, kind_of

URL = "https://host/a.jpg"


def read(kind: str, content: bytes, *, size: int = 1_000_000, start: Position | None = None) -> list[Entry | Rejection]:
    start = start or Position()
    chunks = [content[i : i + size] for i in range(start.offset, len(content), size)]
    return [entry for _, entry in entries(kind, chunks, start)]


def accepted(found: list[Entry | Rejection]) -> list[tuple[int, str, str]]:
    return [(entry.number, entry.url, entry.name) for entry in found if isinstance(entry, Entry)]


def rejected(found: list[Entry | Rejection]) -> dict[int, str]:
    return {entry.number: entry.reason for entry in found if isinstance(entry, Rejection)}


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("json", '{"url": "https://host/a.jpg"}'),
        ("json", '[{"url": "https://host/a.jpg"}, {"url": "https://host/x", "name": "b/ü.jpg"}]'),
        ("json", ' [\n {"url": "https://host/a.jpg"}\n,\n\n{"name": "b/ü.jpg", "url": "https://host/x"}, ]\n '),
        ("json", '\ufeff[{"url": "https://host/a.jpg"}]'),
        ("jsonl", '{"url": "https://host/a.jpg"}\n{"url": "https://host/x", "name": "b/ü.jpg"}'),
        ("jsonl", '\ufeff{"url": "https://host/a.jpg"}\r\n{"url": "https://host/x", "name": "b/ü.jpg"}\r\n'),
        ("csv", "https://host/a.jpg\nhttps://host/x,b/ü.jpg\n"),
        ("csv", 'https://host/a.jpg,\r\n"https://host/x","b/ü.jpg"'),
    ],
)
def test_each_kind_gives_its_entries(kind: str, content: str) -> None:
    expected = [(1, URL, "a.jpg"), (2, "https://host/x", "b/ü.jpg")]
    found = read(kind, content.encode())
    assert accepted(found) == expected[: len(found)]
    assert rejected(found) == {}


@pytest.mark.parametrize("header", ["url,name", "url", "\ufeffURL,name\r"])
def test_a_csv_may_have_a_header(header: str) -> None:
    assert accepted(read("csv", f"{header}\n{URL},b.jpg\n".encode())) == [(2, URL, "b.jpg")]


def test_blank_lines_are_no_lines_but_count_for_the_numbers() -> None:
    assert accepted(read("jsonl", f'\n\n{{"url": "{URL}"}}\n  \n'.encode())) == [(3, URL, "a.jpg")]
    assert [read(kind, b" \r\n\n ") for kind in ("json", "jsonl", "csv")] == [[], [], []]
    assert read("json", b"[]") == []


@pytest.mark.parametrize(
    ("kind", "line", "complaint"),
    [
        ("jsonl", b"url", "not JSON"),
        ("jsonl", b'"https://host/a.jpg"', "it takes an object"),
        ("jsonl", b'{"name": "a.jpg"}', "url is missing"),
        ("jsonl", b'{"url": ["https://host/a.jpg"]}', "url is missing"),
        ("jsonl", b'{"url": "https://host/a.jpg", "name": 7}', "name takes text"),
        ("jsonl", b'{"url": "https://host/a.jpg", "overwrite": true}', "unknown member 'overwrite'"),
        ("jsonl", b'{"url": "ftp://host/a.jpg"}', "http:// or https://"),
        ("jsonl", b'{"url": "https://host/"}', "name is missing"),
        ("jsonl", b'{"url": "https://[/a.jpg"}', "cannot be read"),
        ("jsonl", b'{"url": "https://host/a.jpg", "name": "../a.jpg"}', "'..' part"),
        ("jsonl", b'{"url": "https://host/a.jpg", "name": "\\ud83d"}', "control character"),
        ("jsonl", b'{"url": "s3://bucket"}', "s3://bucket/key"),
        ("jsonl", b'{"url": "s3://bucket/\\ud83d", "name": "a"}', "half a character"),
        ("jsonl", b'{"url": "https://host/\xff.jpg"}', "not UTF-8"),
        ("jsonl", b"[" * 10_000, "not JSON"),
        ("jsonl", b'{"url": %s}' % (b"9" * 5_000), "not JSON"),
        ("jsonl", b'{"url": "https://host/' + b"a" * MAX_PIECE, "more than 16,384 bytes"),
        ("csv", b"a.jpg,https://host/a.jpg", "http:// or https://"),
        ("csv", b"https://host/a.jpg,a.jpg,b.jpg", "3 fields"),
        ("csv", b'"https://host/a.jpg', "not CSV"),
        ("csv", b",a.jpg", "url is missing"),
        ("json", b'{"url": }', "not JSON"),
        ("json", b'{"url" "b", [}, {]}', "not JSON"),
        ("json", b'{"url": "b"}}', "not JSON"),
        ("json", b'{"url": "https://host/' + b"a" * MAX_PIECE + b'"}', "more than 16,384 bytes"),
    ],
)
def test_a_bad_line_rejects_itself_and_says_why(kind: str, line: bytes, complaint: str) -> None:
    good = URL.encode() if kind == "csv" else b'{"url": "%s"}' % URL.encode()
    content = b"[%s]" % b",".join([good, line, good]) if kind == "json" else b"\n".join([good, line, good])
    for size in (1_000_000, 7):
        found = read(kind, content, size=size)
        assert [number for number, _, _ in accepted(found)] == [1, 3]
        assert complaint in rejected(found)[2]


def test_a_name_is_taken_from_an_s3_key_as_it_stands() -> None:
    line = json.dumps({"url": "s3://bucket/photos/red+flower 100%25.jpg"}).encode()
    assert accepted(read("jsonl", line))[0][2] == "red+flower 100%25.jpg"


def test_the_kind_is_what_the_key_ends_in() -> None:
    keys = ("a.json", "b/c.jsonl", "x.csv", "a.txt", "csv", "a.csv/b", "")
    assert [kind_of(key) for key in keys] == ["json", "jsonl", "csv", None, None, None, None]


MANIFESTS = st.one_of(
    st.binary(max_size=300),
    st.lists(
        st.sampled_from(
            [
                *(b'{"url": "https://host/a.jpg"}', b"https://host/a.jpg,b", b"\n", b",", b"[", b"]", b"{", b"}", b'"'),
                *(b"\\", b'\\"', b" ", b"\xef\xbb\xbf", b"\xff", b'{"url": "https://host/,]\\\\"}', b"x" * 40),
            ]
        ),
        max_size=30,
    ).map(b"".join),
)


@given(st.sampled_from(["json", "jsonl", "csv"]), MANIFESTS, st.integers(1, 40))
@example("json", b'["\\', 1)
def test_any_bytes_are_a_manifest_however_they_are_cut(kind: str, content: bytes, size: int) -> None:
    """Each line is accepted or rejected once, and whoever goes on from any of them sees the others alone."""
    whole = [content[i : i + size] for i in range(0, len(content), size)]
    found = list(entries(kind, whole, Position()))
    assert [entry for _, entry in found] == read(kind, content)
    numbers = [entry.number for _, entry in found]
    assert numbers == sorted(set(numbers))
    if kind != "json":
        header = bool(content.removeprefix(b"\xef\xbb\xbf").strip().lower().startswith(b"url"))
        assert header or len(found) == sum(
            bool(line.strip())
            for n, line in enumerate(content.split(b"\n"))
            if n or line.strip().removeprefix(b"\xef\xbb\xbf")
        )
    for count, (position, entry) in enumerate(found, 1):
        assert position.number == entry.number
        assert read(kind, content, size=size, start=position) == [later for _, later in found[count:]]
