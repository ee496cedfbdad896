"""The same bytes get the same answer by URL and from the bucket, as the table of docs/pictures.md says."""

import io
import json
import os
from collections.abc import Callable, Iterator

import psutil
import pytest

from api.runtime import get_save_image
from common.imaging import decoder
from common.settings import Settings
from recognition.runtime.records.image_records import ImageRecord
from tests.conftest import ROOT
from tests.functional.conftest import Answer
from tests.functional.s3_bucket import S3
from tests.header_bombs import BOMBS, DAMAGED_BOMBS, processor_seconds
from tests.picture_cases import ANSWERS, CASES
from tests.picture_files import encoded, scene
from tests.source_server import Source, serve

PAGE = ROOT / "docs" / "pictures.md"
START = "<!-- written by UPDATE_DOCS=1 pytest tests/thorough/test_picture_cases.py -->\n"

MAX_SECONDS = 5
"""Of the processor, for a batch."""

REFUSED_BOMBS = BOMBS | DAMAGED_BOMBS

ByUrl = Callable[[bytes], str]
ByBucket = Callable[[bytes], str]
Deliver = Callable[..., list[str]]
Records = Callable[[str], ImageRecord | None]


@pytest.fixture
def source() -> Iterator[Source]:
    with serve() as running:
        yield running


@pytest.fixture
def by_url(bucket: str, source: Source, call: Callable[..., Answer], monkeypatch: pytest.MonkeyPatch) -> ByUrl:
    """Offer a picture by URL. Returns the answer's status, and its code if it is an error."""
    sources = Settings(private_sources=(source.host_and_port,)).sources
    monkeypatch.setenv("IMAGE_BUCKET", bucket)
    monkeypatch.setenv("MAX_IMAGE_PIXELS", "60000000")
    monkeypatch.setenv("SOURCES", json.dumps(sources))

    def offered(body: bytes) -> str:
        name = f"{len(source.files)}"
        source.files[name] = body
        asked = {"url": f"{source.address}/file?{name}", "name": f"by-url/{name}"}
        answer = call(get_save_image.handler, "POST", "/images", body=json.dumps(asked))
        code = answer.document.get("error", {}).get("code", "")
        return f"{answer.status} {code}".strip()

    return offered


@pytest.fixture
def by_bucket(s3: S3, deliver: Deliver, records: Records) -> ByBucket:
    """Put a picture into the bucket. Returns its record's status, and its code if it failed."""

    def put(body: bytes) -> str:
        key = f"put/{s3.count}"
        if deliver(s3.put_bytes(key, body)):
            return "waits"
        record = records(key)
        assert record
        return f"{record.status} {record.failure.code}" if record.failure else record.status

    return put


@pytest.fixture
def limits() -> tuple[int, int]:
    """Take pictures as large as the default settings do."""
    return 20_000_000, 60_000_000


def test_every_case_gets_the_right_answer_by_both_routes(by_url: ByUrl, by_bucket: ByBucket) -> None:
    rows = ["| picture | right answer | by URL | in the bucket | why |", "|---|---|---|---|---|"]
    wrong = []
    for name, case in CASES.items():
        body = case.make()
        right, found = ANSWERS[case.verdict], (by_url(body), by_bucket(body))
        rows.append(f"| `{name}` | {case.verdict} | {found[0]} | {found[1]} | {case.reason} |")
        if found != right:
            wrong.append((name, right, found))
    assert wrong == []
    table = "\n".join(rows) + "\n"
    head, _, written = PAGE.read_text().partition(START)
    if os.environ.get("UPDATE_DOCS"):
        PAGE.write_text(head + START + table)
    else:
        assert written == table, "run UPDATE_DOCS=1 pytest tests/thorough/test_picture_cases.py"


@pytest.mark.parametrize("name", REFUSED_BOMBS)
def test_an_absurd_header_leaves_time_for_its_neighbours(s3: S3, deliver: Deliver, records: Records, name: str) -> None:
    """All pictures are in one batch, and the bomb comes first."""
    decoder.inspect(io.BytesIO(encoded(scene())), max_pixels=1_000_000, seconds=20)  # the service is up
    neighbours = [f"neighbour-{number}" for number in range(9)]
    batch = [s3.put_bytes("bomb", REFUSED_BOMBS[name]()), *(s3.put_bytes(key, encoded(scene())) for key in neighbours)]
    started = processor_seconds(psutil.Process())
    assert deliver(*batch) == []
    assert processor_seconds(psutil.Process()) - started < MAX_SECONDS
    found = [record.status for key in ("bomb", *neighbours) if (record := records(key))]
    assert found == ["FAILED", *["RECOGNIZED"] * 9]
