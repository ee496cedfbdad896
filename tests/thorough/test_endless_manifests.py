"""Manifests of signs alone are read, or ended, within seconds."""

import time

import pytest

from api.runtime.manifests.manifest_layout import layout_of
from api.runtime.manifests.manifest_lines import Asking, entries
from api.runtime.manifests.manifest_pieces import Position

CHUNK_BYTES = 4_000_000
MAX_SECONDS = 100


@pytest.mark.parametrize(
    "content",
    [b"[" * 30_000_000, b"[[" + b"{}" * 15_000_000, b'["' + b"\\n" * 15_000_000, b"[" + b"," * 30_000_000],
    ids=["brackets", "pairs of brackets", "escapes", "commas"],
)
def test_thirty_megabytes_of_signs_are_read_or_ended_within_seconds(content: bytes) -> None:
    started = time.process_time()
    chunks = [content[at : at + CHUNK_BYTES] for at in range(0, len(content), CHUNK_BYTES)]
    found = list(entries(layout_of("JSON list", content[:CHUNK_BYTES]), chunks, Position(), Asking()))
    assert time.process_time() - started < MAX_SECONDS
    assert len(found) <= len(chunks) + 1
