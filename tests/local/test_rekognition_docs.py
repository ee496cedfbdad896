"""Run the commands of the page about the local Rekognition."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
from pathlib import Path

from tests.local.servers import PROJECT, clean_environment

PAGE = PROJECT / "docs" / "local-rekognition.md"


def test_the_pages_commands_work_one_after_the_other() -> None:
    blocks = re.findall(r"^```sh\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    script = "".join(blocks).replace("4567", port)
    here = {"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin"}
    done = subprocess.run(
        ["/bin/bash", "-e", "-u", "-o", "pipefail", "-c", script],
        cwd=PROJECT,
        env=clean_environment(here),
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert f"Rekognition at http://127.0.0.1:{port} sees faces (blazeface), QR codes" in done.stdout
    assert "\nnanodet-g: NanoDet-g; Apache-2.0, packaged under MIT; @vladmandic/human 1.4.1 (npm)\n" in done.stdout
    assert '"status":"ok"' in done.stdout
    assert "Face 92 [{'Width'" in done.stdout
    assert '{"DetectLabels":1,"refused":{}}' in done.stdout


def test_the_page_names_every_setting_that_can_be_rehearsed() -> None:
    from local.rekognition.rehearsal import Settings  # noqa: PLC0415 - this test's subject

    page = PAGE.read_text(encoding="utf-8")
    assert all(f'"{name}":' in page for name in Settings.__dataclass_fields__)
