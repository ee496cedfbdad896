"""Runs functions of the gallery's TypeScript in Node, which leaves out the types."""

import json
import os
import subprocess
from typing import Any

from tests.conftest import ROOT

SOURCE = ROOT / "recognition/gallery/src"


def evaluate(module: str, expression: str, value: Any) -> Any:
    """Return the result of an expression with the module `module` and the JSON value `value`. It may be a promise."""
    script = (
        f"import * as module from '{(SOURCE / module).as_uri()}';"
        "import { readFileSync } from 'node:fs';"
        "const value = JSON.parse(readFileSync(0, 'utf8'));"
        f"process.stdout.write(JSON.stringify(await ({expression})));"
    )
    node = [os.environ["JSII_NODE"], "--disable-warning=ExperimentalWarning", "--input-type=module", "--eval", script]
    finished = subprocess.run(node, input=json.dumps(value), capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr
    return json.loads(finished.stdout)
