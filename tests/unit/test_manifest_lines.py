"""The layouts of manifests, their lines, and the errors of bad lines."""

import json
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from api.runtime.manifests import manifest_pieces
from api.runtime.manifests.manifest_layout import HEAD_BYTES, format_of, layout_of
from api.runtime.manifests.manifest_lines import Asking, Entry, Rejection, entries
from api.runtime.manifests.manifest_pieces import MAX_PIECE_BYTES, Position
from tests.conftest import ROOT

URL = "https://host/a.jpg"
ASKING = Asking(enabled=("text", "faces"), for_all=())
CASES = ROOT / "tests" / "manifests"
Found = list[tuple[Position, Entry | Rejection | None]]


def read_positions(key: str, content: bytes, *, size: int = 1_000_000, start: Position | None = None) -> Found:
    """Read a manifest as the function does: the layout from its first bytes, the rest in chunks from `start` on."""
    form = format_of(key)
    assert form
    start = start or Position()
    chunks = [content[i : i + size] for i in range(start.offset, len(content), size)]
    return list(entries(layout_of(form, content[:HEAD_BYTES]), chunks, start, ASKING))


def read(kind: str, content: bytes, *, size: int = 1_000_000, start: Position | None = None) -> list[Entry | Rejection]:
    found = read_positions(f"list.{kind}", content, size=size, start=start)
    return [entry for _, entry in found if entry is not None]


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


@pytest.mark.parametrize(
    "header", ["url,name", "url", "\ufeffURL,name\r", " URL , Name ", '"Url","NAME",', "\n\nurl,name"]
)
def test_a_csv_may_have_a_header(header: str) -> None:
    found = read("csv", f"{header}\n{URL},b.jpg\n".encode())
    assert [fields for _, *fields in accepted(found)] == [[URL, "b.jpg"]]
    assert rejected(found) == {}


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("jsonl", f'{{"url": "{URL}", "abilities": ["text", "faces"]}}\n{{"url": "{URL}"}}\n'),
        ("json", f'[{{"url": "{URL}", "abilities": ["faces", "text", "text"]}}, {{"url": "{URL}", "abilities": []}}]'),
        ("csv", f"url,abilities\n{URL},text faces\n{URL}\n"),
        ("csv", f"url;name;abilities\n{URL};a.jpg;faces, text\n{URL};;\n"),
        ("tsv", f"abilities\turl\ntext faces\t{URL}\n\t{URL}\n"),
    ],
)
def test_a_line_asks_for_abilities(kind: str, content: str) -> None:
    found = read(kind, content.encode())
    assert rejected(found) == {}
    assert [each.abilities for each in found if isinstance(each, Entry)] == [("faces", "text"), ()]


def test_lines_without_a_header_have_no_third_column() -> None:
    assert "3 fields" in rejected(read("csv", f"{URL},b.jpg,text\n".encode()))[1]


def test_a_manifest_asks_for_all_of_its_lines() -> None:
    lines = f'{{"url": "{URL}", "abilities": ["text"]}}\n{{"url": "{URL}"}}\n'.encode()
    found = entries(layout_of("JSON lines", lines), [lines], Position(), Asking(("text", "faces"), ("faces",)))
    assert [each.abilities for _, each in found if isinstance(each, Entry)] == [("faces", "text"), ("faces",)]


def test_blank_lines_are_no_lines_but_count_for_the_numbers() -> None:
    assert accepted(read("jsonl", f'\n\n{{"url": "{URL}"}}\n  \n'.encode())) == [(3, URL, "a.jpg")]
    assert [read(kind, b" \r\n\n ") for kind in ("json", "jsonl", "csv")] == [[], [], []]
    assert read("json", b"[]") == []


@pytest.mark.parametrize(
    ("kind", "line", "complaint"),
    [
        ("jsonl", b"url", "not JSON"),
        ("jsonl", b'["https://host/a.jpg"]', "the line must be an object"),
        ("jsonl", b'{"name": "a.jpg"}', "url is missing"),
        ("jsonl", b'{"url": ["https://host/a.jpg"]}', "url is missing"),
        ("jsonl", b'{"url": "https://host/a.jpg", "name": 7}', "name must be text"),
        ("jsonl", b'{"url": "https://host/a.jpg", "overwrite": true}', "unknown member 'overwrite'"),
        ("jsonl", b'{"url": "https://host/a.jpg", "abilities": "text"}', "abilities must be a list of names"),
        ("jsonl", b'{"url": "https://host/a.jpg", "abilities": ["moderation"]}', "enabled are text, faces"),
        ("jsonl", b'{"url": "https://host/a.jpg", "abilities": ["smell"]}', "there is no ability 'smell'"),
        ("jsonl", b'{"url": "ftp://host/a.jpg"}', "http:// or https://"),
        ("jsonl", b'{"url": "https://host/"}', "name is missing"),
        ("jsonl", b'{"url": "https://[/a.jpg"}', "cannot be read"),
        ("jsonl", b'{"url": "https://host/a.jpg", "name": "../a.jpg"}', "'..' part"),
        ("jsonl", b'{"url": "https://host/a.jpg", "name": "\\ud83d"}', "control character"),
        ("jsonl", b'{"url": "s3://bucket"}', "s3://bucket/key"),
        ("jsonl", b'{"url": "s3://bucket/\\ud83d", "name": "a"}', "half of a surrogate pair"),
        ("jsonl", b'{"url": "https://host/\xff.jpg"}', "not UTF-8"),
        ("jsonl", b"[" * 10_000, "not JSON"),
        ("jsonl", b'{"url": %s}' % (b"9" * 5_000), "not JSON"),
        ("jsonl", b'{"url": "https://host/' + b"a" * MAX_PIECE_BYTES, "more than 16,384 bytes"),
        ("csv", b"a.jpg,https://host/a.jpg", "http:// or https://"),
        ("csv", b"https://host/a.jpg,a.jpg,b.jpg", "3 fields"),
        ("csv", b'"https://host/a.jpg', "not CSV"),
        ("csv", b",a.jpg", "url is missing"),
        ("json", b'{"url": }', "not JSON"),
        ("json", b'{"url" "b", [}, {]}', "not JSON"),
        ("json", b'{"url": "b"}}', "not JSON"),
        ("json", b'{"url": "https://host/' + b"a" * MAX_PIECE_BYTES + b'"}', "more than 16,384 bytes"),
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


def test_the_format_is_the_ending_of_the_key_in_any_case() -> None:
    formats = {
        "a.json": "JSON list",
        "b/c.jsonl": "JSON lines",
        "b/c.NDJSON": "JSON lines",
        "x.csv": "delimited",
        "X.CSV": "delimited",
        "x.Tsv": "delimited",
        "a.txt": "delimited",
    }
    assert {key: format_of(key) for key in formats} == formats
    assert [format_of(key) for key in ("a.zip", "csv", "a.csv/b", "a.csv/", ".csv", "a/.csv", "")] == [None] * 7


def in_every_encoding(text: str) -> list[bytes]:
    return [
        text.encode(),
        b"\xef\xbb\xbf" + text.encode(),
        b"\xff\xfe" + text.encode("utf-16-le"),
        b"\xfe\xff" + text.encode("utf-16-be"),
        text.encode("utf-16-le"),
        text.encode("utf-16-be"),
    ]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"], ids=["LF", "CRLF", "CR"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("header", ["url,name", "Name , URL,", ""])
@pytest.mark.parametrize("size", [1_000_000, 3, 1])
def test_a_table_is_read_as_programs_write_it(end: str, delimiter: str, header: str, size: int) -> None:
    rows = [(f"https://host/{n}.jpg", f"é/{n} 😀.jpg") for n in range(3)]
    swapped = header.startswith("Name")
    lines = [header] * bool(header) + [f"{name} ,{url}," if swapped else f"{url} ,{name}" for url, name in rows]
    text = end.join(line.replace(",", delimiter) for line in lines) + end
    for content in in_every_encoding(text):
        found = read("csv", content, size=size)
        assert rejected(found) == {}
        assert accepted(found) == [(n + bool(header), *row) for n, row in enumerate(rows, 1)]


def test_json_in_utf_16_is_read_too() -> None:
    for content in in_every_encoding(json.dumps([{"url": URL, "name": "ä,]😀.jpg"}, {"url": URL}], ensure_ascii=False)):
        assert accepted(read("json", content, size=5)) == [(1, URL, "ä,]😀.jpg"), (2, URL, "a.jpg")]
    for content in in_every_encoding(f'{{"url": "{URL}"}}\n{{"url": "{URL}", "name": "ü"}}\n'):
        for kind in ("jsonl", "ndjson", "txt"):
            assert accepted(read(kind, content)) == [(1, URL, "a.jpg"), (2, URL, "ü")]


def test_a_list_of_bare_addresses_may_hold_semicolons() -> None:
    lines = ["https://host/a;v=1/b.jpg", "https://host/c.jpg?x=1;y=2"]
    assert [url for _, url, _ in accepted(read("txt", "\n".join(lines).encode()))] == lines
    assert accepted(read("csv", b"https://host/a.jpg;b c.jpg")) == [(1, URL, "b c.jpg")]


def test_a_column_that_is_not_read_is_named_once() -> None:
    found = read("csv", f"id;url;name\n7;{URL};b.jpg\n".encode())
    assert accepted(found) == [(2, URL, "b.jpg")]
    assert rejected(found) == {1: "the column 'id' is unknown and not read; the columns are url, name and abilities"}


@pytest.mark.parametrize(
    ("key", "content"),
    [
        ("a.csv", "sep=;\r\nurl;name\r\nhttps://host/a.jpg;b.jpg\r\n"),
        ("a.csv", "SEP=;\nhttps://host/a.jpg;b.jpg"),
        ("a.csv", "url|name\nhttps://host/a.jpg|b.jpg"),
        ("a.csv", "https://host/a.jpg|b.jpg"),
        ("a.csv", "\n\ufeffhttps://host/a.jpg,\u200bb.jpg\n"),
        ("a.csv", "\ufeff\ufeffName;URL;\nb.jpg;\u200bhttps://host/a.jpg\u00a0;"),
        ("a.txt", '[\n{"url": "https://host/a.jpg", "name": "b.jpg"}\n]\n'),
        ("a.jsonl", '[\n {"url": "https://host/a.jpg", "name": "b.jpg"},\n]'),
        ("a.jsonl", '{"url": "https://host/a.jpg", "name": "b.jpg"},\n'),
        ("a.json", '{"url": "https://host/a.jpg", "name": "b.jpg"}\n{"url": "https://host/a.jpg", "name": "b.jpg"}\n'),
        ("a.json", '{\n"url": "https://host/a.jpg",\n"name": "b.jpg"\n}\n'),
        ("a.json", '[{" URL": " https://host/a.jpg", "Name": "b.jpg"}]'),
        ("a.csv", '"https://host/a.jpg";"b.jpg"\n'),
        ("a.csv", '"https://host/a.jpg"|"b.jpg"|\n'),
        ("a.csv", 'https://host/a.jpg;"b.jpg"\n'),
        ("a.csv", '  "https://host/a.jpg"  ,  "b.jpg"  \n'),
        ("a.csv", 'url;name\n "https://host/a.jpg" ; "b.jpg" ;\n'),
        ("a.tsv", 'Url\tName\n "https://host/a.jpg" \t "b.jpg" \n'),
        ("a.csv", "# pictures, of 2026\nname,url\nb.jpg,https://host/a.jpg\n"),
        ("a.csv", "https://host/a.jpg;b.jpg\n# the end\n"),
        ("a.json", "https://host/a.jpg,b.jpg\n"),
        ("a.jsonl", '"url";"name"\nhttps://host/a.jpg;b.jpg\n'),
    ],
)
def test_more_lists_as_people_have_them(key: str, content: str) -> None:
    for encoding in ("utf-8", "utf-16"):
        found = [entry for _, entry in read_positions(key, content.encode(encoding)) if entry]
        assert {entry[1:] for entry in accepted(found)} == {(URL, "b.jpg")}
        assert rejected(found) == {}


@pytest.mark.parametrize(
    ("kind", "content"), [("json", '["https://host/a.jpg", " "]'), ("jsonl", '"https://host/a.jpg"\n" "')]
)
def test_a_text_in_json_is_an_address(kind: str, content: str) -> None:
    found = read(kind, content.encode())
    assert accepted(found) == [(1, URL, "a.jpg")]
    assert "url is missing" in rejected(found)[2]


def test_a_member_may_be_there_once() -> None:
    found = read("jsonl", b'{"url": "https://host/a.jpg", "URL": "https://host/b.jpg"}')
    assert "contains the key 'url' twice" in rejected(found)[1]


def test_a_name_may_begin_like_a_comment() -> None:
    assert accepted(read("csv", f"name,url\n#1.jpg,{URL}\n".encode())) == [(2, URL, "#1.jpg")]


def test_blanks_and_delimiters_within_quotation_marks_stay() -> None:
    found = read("csv", f'url,name\n"{URL}" ,"a "" ,"" b.jpg" \n'.encode())
    assert accepted(found) == [(2, URL, 'a " ," b.jpg')]


@pytest.mark.parametrize("case", sorted(path.name for path in CASES.iterdir()))
def test_lists_that_were_misread_before(case: str) -> None:
    """Each names one or two pictures of a server; see the names of the files."""
    found = read_positions(case, Path(CASES, case).read_bytes())
    names = [entry.name for _, entry in found if isinstance(entry, Entry)]
    assert names == (["m/a.jpg", "m/b.jpg"] if case == "cr-only-line-ends.csv" else ["m/a.jpg"])
    assert not [entry for _, entry in found if isinstance(entry, Rejection)]


@pytest.mark.parametrize(
    ("key", "content"),
    [("a.json", b"[" * 200), ("a.json", b'["' + b"x" * 200), ("a.csv", b"x" * 200), ("a.json", b" " * 200)],
    ids=["brackets", "an open text", "a long line", "blanks"],
)
def test_a_piece_without_an_end_ends_the_reading(key: str, content: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manifest_pieces, "MAX_SCANNED_BYTES", 100)
    monkeypatch.setattr(manifest_pieces, "MAX_PIECE_BYTES", 50)
    [(position, rejection)] = read_positions(key, content * 10, size=10)
    assert isinstance(rejection, Rejection)
    assert "the rest of the file is not read" in rejection.reason
    assert (position.number, position.offset) == (1, 110)


def test_brackets_and_escapes_within_texts_end_no_element() -> None:
    content = (
        rb'[["]]]", "\\", "\",]"], {"url": "https://host/a.jpg"}, [[{"]": "\"}]"}]], {"url": "https://host/a.jpg"}]'
    )
    for size in range(1, len(content)):
        found = read("json", content, size=size)
        assert [entry[0] for entry in accepted(found)] == [2, 4]
        assert list(rejected(found)) == [1, 3]


@pytest.mark.parametrize(("key", "blank"), [("a.csv", b"\n"), ("a.json", b","), ("a.csv", b"\r\n")])
def test_blanks_alone_make_progress(key: str, blank: bytes) -> None:
    """A position after each chunk lets the reading go on in another invocation."""
    content = b"[" * (key == "a.json") + blank * 5_000
    found = read_positions(key, content, size=1_000)
    assert {entry for _, entry in found} == {None}
    assert len(found) >= len(content) // 1_000
    assert found[-1][0].offset >= len(content) - 2


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


@given(st.sampled_from(["json", "jsonl", "csv", "tsv", "txt"]), MANIFESTS, st.integers(1, 40))
@example("json", b'["\\', 1)
@example("csv", b"\xff\xfea\0\r\0\n\0b\0\r\0", 3)
def test_any_bytes_are_a_manifest_however_they_are_cut(kind: str, content: bytes, size: int) -> None:
    """Each line is accepted or rejected once, and a reader that continues at any position finds exactly the rest."""
    found = read_positions(f"a.{kind}", content, size=size)
    real = [entry for _, entry in found if entry is not None]
    assert real == read(kind, content)
    numbers = [entry.number for entry in real]
    assert numbers == sorted(set(numbers))
    for count, (position, entry) in enumerate(found, 1):
        assert entry is None or position.number == entry.number
        rest = [later for _, later in found[count:] if later is not None]
        assert read(kind, content, size=size, start=position) == rest


@given(st.lists(st.sampled_from([b"a", b"{", b",", b"\n", b"\r", b'"'])).map(b"".join))
def test_no_line_is_left_out(content: bytes) -> None:
    lines = content.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
    assert [entry.number for entry in read("jsonl", content)] == [n for n, line in enumerate(lines, 1) if line]
