"""The walk that CI begins with finds what does not work as it was printed."""

import importlib.util
import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT

PRINTED = """
See it: http://localhost:4566/gallery (it asks for the key, which `.venv/bin/sightline key` prints)
Go on with:
  eval "$(.venv/bin/sightline env --target local)"
  curl -H "x-api-key: $API_KEY" "$LABELS_URL"
stopped with `Ctrl-C`; further commands: make local-up
"""


@pytest.fixture(scope="module")
def walk() -> Any:
    specification = importlib.util.spec_from_file_location("walk", ROOT / ".ci/walk.py")
    assert specification
    assert specification.loader
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """A server that answers 404 with a JSON error below /missing, an empty list below /empty, and else a list."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = self.path != "/missing"
            self.send_response(200 if found else 404)
            self.end_headers()
            self.wfile.write(b"[]" if self.path == "/empty" else b'["img-01.jpg"]' if found else b'{"error": {}}')

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_every_printed_command_is_found_as_it_was_printed(walk: Any) -> None:
    assert walk.printed_commands(PRINTED) == [
        ".venv/bin/sightline key",
        'eval "$(.venv/bin/sightline env --target local)"',
        'curl -H "x-api-key: $API_KEY" "$LABELS_URL"',
        "make local-up",
    ]


def test_the_readme_has_such_a_block(walk: Any) -> None:
    commands = walk.readme_commands((ROOT / "README.md").read_text())
    assert [command.split()[0] for command in commands][:2] == ["eval", "curl"]
    assert all(command.split()[0] in {"eval", "curl"} for command in commands)


@pytest.mark.parametrize(
    ("line", "fails"),
    [
        ('curl "$LABELS_URL/images"', False),
        ('curl "$LABELS_URL/missing"', True),
        ('curl "$LABELS_URL/empty"', True),
        ('curl "$NOT_SET/images"', True),
        ("sightline-that-is-not-there key", True),
        ("eval \"$(echo '✗ the system is not running' >&2)\"", True),
    ],
)
def test_a_line_that_does_not_work_is_named(
    walk: Any, address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str, *, fails: bool
) -> None:
    monkeypatch.setattr(walk, "SEEN_SECONDS", 0.5)
    with walk.Shell(tmp_path, {"PATH": os.environ["PATH"], "LABELS_URL": address}) as shell:
        if fails:
            with pytest.raises(walk.WalkError, match="exit code"):
                walk.judge(line, shell)
        else:
            walk.judge(line, shell)
