"""A short soak, on the cloud of all the other tests."""

import csv
import random
from pathlib import Path

from rich.console import Console

from benchmarks.soak.__main__ import Soak
from local.cloud import Cloud
from tests.e2e.conftest import System, wait_for


def test_a_short_soak_with_faults_leaves_everything_as_s3_holds_it(
    cloud: Cloud, system: System, tmp_path: Path
) -> None:
    wait_for(system.is_idle)
    seed = random.randrange(1_000_000)
    summary = Soak(cloud, system.endpoints, seconds=12, rate=4, seed=seed).run(tmp_path, Console())
    assert summary["violations"] == [], f"seed {seed}"
    assert summary["faults"] >= 1
    assert summary["images"] > 5
    assert (tmp_path / "soak.png").read_bytes().startswith(b"\x89PNG")
    for name in ("samples", "calls", "labelled", "faults"):
        with (tmp_path / f"{name}.csv").open() as file:
            assert list(csv.DictReader(file)), name
