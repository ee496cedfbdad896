"""Run callers and faults against the embedded cloud, then check that nothing was lost: `make soak MINUTES=10`.

Callers upload by URL and by form, overwrite, delete, undelete, remove versions permanently and search, at a steady
rate. Rekognition is asked for the texts of all pictures, and for the faces of some. During this time the soak injects
faults: Rekognition is slow, throttles, fails or is down, the third party is down, calls to AWS are refused, and workers
are killed. When the system is idle again, the soak compares everything with the objects in S3, by brute force: records,
index, counts, documents, lists, searches, deliveries and Rekognition's calls. The soak writes soak.png, and the numbers
as CSV. Ctrl-C ends the load, and the comparison still follows.
"""

import argparse
import json
import math
import random
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from benchmarks.soak.check import SystemState, calls, read_state, seconds_to_labels, violations
from benchmarks.soak.faults import Faults, impatient
from benchmarks.soak.load import Load
from benchmarks.soak.sampling import Sampler, percentiles, plot, slope, write_csv
from cli.abilities import deployed_abilities
from cli.queues import work_queues
from cli.target import LOCAL_FOLDER, local_target
from local.cloud import Cloud
from local.endpoints import Endpoints
from local.errors import CloudError
from tests.local.onnx_models import colour_classifier

CALLERS = 4
ABILITIES = {"text": {"when": "always"}, "faces": {"when": "asked"}}
WARM_UP_CALLS = 24
PATIENT_SECONDS = 120
"""In a shorter soak no worker is killed and no e-mail is refused, because their messages come back only after
minutes."""
REST_SECONDS = 330
"""The time that the system may take to become idle. It includes the waits for dead workers' messages, for probes of the
third party, for backoffs, and for refused e-mails. Refused e-mails are hidden for four minutes."""
RECOGNITION_QUEUES = {"UploadedImage", "RemovedImage"}
"""The queues of the workers that the faults kill."""
CALM_SECONDS = 10
FLAT_MB_A_MINUTE = 1.0
FLAT_SHARE = 0.05
JUDGED_MINUTES = 5
"""A shorter soak does not judge memory, because workers grow until all of their code has run once."""


class Soak:
    """One run on a running cloud."""

    def __init__(self, cloud: Cloud, endpoints: Endpoints, *, seconds: float, rate: float, seed: int) -> None:
        chance = random.Random(seed)  # noqa: S311 - no secret
        self.cloud, self.endpoints = cloud, endpoints
        self.seconds, self.rate, self.seed = seconds, rate, seed
        self.stopping = threading.Event()
        self.began = time.monotonic()
        self.queues = work_queues(local_target(asdict(endpoints)))
        self.sampler = Sampler(cloud, endpoints, {queue.name: queue.url for queue in self.queues})
        calls_chance = random.Random(chance.random())  # noqa: S311
        asked = [each.name for each in deployed_abilities(local_target(asdict(endpoints))) if each.when == "asked"]
        self.load = Load(endpoints, cloud.client("s3"), cloud.photos, f"soak-{seed}/", calls_chance, self.clock, asked)
        self.faults = Faults(cloud, endpoints, random.Random(chance.random()), patient=seconds >= PATIENT_SECONDS)  # noqa: S311
        stacks = cloud.client("cloudformation").describe_stacks()["Stacks"]
        self.outputs = {o["OutputKey"]: o["OutputValue"] for stack in stacks for o in stack.get("Outputs", [])}

    def clock(self) -> float:
        """Return the seconds since the load began."""
        return time.monotonic() - self.began

    def run(self, folder: Path, console: Console) -> dict[str, Any]:
        """Run load and faults, wait, check, and write the files. Returns the summary, with the `violations` found."""
        before = calls(self.endpoints)
        with impatient(self.cloud, [queue.url for queue in self.queues if queue.name in RECOGNITION_QUEUES]):
            self._warm_up(console)
            self.began, began_at = time.monotonic(), datetime.now(UTC)
            with self._sampling():
                loaded = self._load(console)
                console.print("waiting until the system is idle …")
                late = self._rest()
        console.print("comparing everything with the objects in S3 …")
        seen = read_state(self.cloud, self.endpoints, self.outputs, self.load.prefix, before)
        labelled = [
            ((at - began_at).total_seconds(), s) for at, s in seconds_to_labels(seen, self.load) if at >= began_at
        ]
        growth = self.sampler.growth(loaded / 2, loaded)
        summary = {
            **self._figures(seen, loaded, labelled),
            "workers_memory_second_half": growth,
            "emulator_mb_a_minute_second_half": round(slope(self.sampler.samples, "emulator_mb", loaded / 2), 2),
            "rekognition_mb_a_minute_second_half": round(slope(self.sampler.samples, "rekognition_mb", loaded / 2), 2),
            "violations": [*late, *violations(seen, self.load, self.faults.calls_lost()), *self._grown(growth)],
        }
        self._write(folder, summary, labelled)
        return summary

    @contextmanager
    def _sampling(self) -> Iterator[None]:
        """Take samples in a thread."""
        ended = threading.Event()
        interval = max(0.5, self.seconds / 300)
        thread = threading.Thread(target=self.sampler.run, args=(self.clock, interval, ended))
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    def _load(self, console: Console) -> float:
        """Run the callers, with faults in another thread. Returns the seconds until both ended."""
        thread = threading.Thread(target=self.faults.run, args=(self.clock, self.seconds, self.stopping))
        thread.start()
        try:
            self._call(console)
        finally:
            self.stopping.set()
            thread.join()
            self.faults.heal()
        return self.clock()

    def _figures(self, seen: SystemState, loaded: float, labelled: list[tuple[float, float]]) -> dict[str, Any]:
        """Return the counts and times of the summary."""
        return {
            "seed": self.seed,
            "seconds": round(loaded, 1),
            "seconds_to_rest": round(self.clock() - loaded, 1),
            "api_calls": len(self.load.calls),
            "api_calls_a_second": round(len(self.load.calls) / loaded, 2),
            "images": len(seen.current),
            "deleted": len(seen.deleted),
            "deliveries": len(seen.deliveries),
            "distinct_contents": len(seen.contents),
            "corrupt_contents": len(seen.contents & {p.etag for p in self.load.pictures if p.is_corrupt}),
            "rekognition_calls": dict(seen.calls),
            "workers_killed": self.faults.killed,
            "faults": len(self.faults.spans),
            "api_answers": dict(sorted(Counter(f"{c.kind} {c.status}" for c in self.load.calls).items())),
            "api_ms": percentiles(call.ms for call in self.load.calls),
            "seconds_to_labels": percentiles(seconds for _, seconds in labelled),
            "seconds_to_labels_in_calm": percentiles(s for at, s in labelled if self._was_calm(at, s)),
        }

    def _warm_up(self, console: Console) -> None:
        """Start the workers with some calls that are not measured. The comparison includes their pictures."""
        console.print("warming up …")
        with ThreadPoolExecutor(CALLERS) as pool:
            for step in [self.load.next() for _ in range(WARM_UP_CALLS)]:
                pool.submit(step)
        self._rest()
        self.load.calls.clear()

    def _call(self, console: Console) -> None:
        """Run callers at the rate, until the time is over or somebody stops the soak."""
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[now]}"),
        )
        with ThreadPoolExecutor(CALLERS) as pool, Progress(*columns, console=console, transient=True) as progress:
            task = progress.add_task("soaking", total=self.seconds, now="")
            under_way = threading.Semaphore(2 * CALLERS)
            turn = 0.0
            while (now := self.clock()) < self.seconds and not self.stopping.is_set():
                if now < turn:
                    self.stopping.wait(min(turn - now, 0.5))
                    continue
                turn = max(turn, now - 1) + 1 / self.rate
                under_way.acquire()
                pool.submit(self.load.next()).add_done_callback(lambda _: under_way.release())
                waiting = sum(value for name, value in self._newest().items() if name.endswith("_queue"))
                shown = f"{len(self.load.calls)} calls, {waiting:.0f} messages wait"
                progress.update(task, completed=now, now=f"{shown}; {self.faults.now or 'nothing is wrong'}")

    def _newest(self) -> dict[str, float]:
        return self.sampler.samples[-1] if self.sampler.samples else {}

    def _rest(self) -> list[str]:
        """Wait until the queues are empty. Returns a violation for each queue that still has messages."""
        deadline = time.monotonic() + REST_SECONDS
        while (waiting := {name: n for name, n in self.sampler.depths().items() if n}) and time.monotonic() < deadline:
            time.sleep(0.5)
        found = [f"after {REST_SECONDS} s {n} messages wait in {name}" for name, n in waiting.items()]
        dead = work_queues(local_target(asdict(self.endpoints)))
        return found + [f"{queue.dead_letters} dead letters in {queue.name}" for queue in dead if queue.dead_letters]

    def _was_calm(self, at: float, seconds: float) -> bool:
        """Return True if no fault was active from an upload until its labels, or in the seconds before the upload."""
        return not any(start - seconds < at < end + CALM_SECONDS for _, start, end in self.faults.spans)

    def _grown(self, growth: dict[str, dict[str, float]]) -> list[str]:
        """Return a violation for each function with a growing worker."""
        if self.seconds < 60 * JUDGED_MINUTES or self.clock() < 60 * JUDGED_MINUTES:
            return []
        return [
            f"a worker of {function} grew by {found['mb_a_minute']} MB a minute"
            for function, found in growth.items()
            if found["mb_a_minute"] > max(FLAT_MB_A_MINUTE, FLAT_SHARE * found["mb"] * 2 / (self.seconds / 60))
        ]

    def _write(self, folder: Path, summary: dict[str, Any], labelled: list[tuple[float, float]]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        write_csv(folder / "samples.csv", self.sampler.samples)
        write_csv(folder / "calls.csv", [asdict(call) for call in self.load.calls])
        write_csv(
            folder / "labelled.csv", [{"uploaded": round(a, 3), "seconds": round(s, 3)} for a, s in sorted(labelled)]
        )
        write_csv(
            folder / "faults.csv",
            [{"fault": n, "from": round(a, 1), "to": round(b, 1)} for n, a, b in self.faults.spans],
        )
        (folder / "summary.json").write_text(json.dumps(summary, indent=2) + "\n")
        plot(
            folder / "soak.png",
            title=f"{summary['seconds'] / 60:.1f} minutes at {self.rate:g} calls a second, seed {self.seed}",
            samples=self.sampler.samples,
            calls=self.load.calls,
            labelled=labelled,
            faults=self.faults.spans,
        )


def main() -> int:
    """Run the soak, report, and stop everything that was started."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--rate", type=float, default=5, help="calls a second")
    parser.add_argument("--seed", type=int, default=None, help="seed of calls and faults; default: random")
    parser.add_argument(
        "--folder", type=Path, default=LOCAL_FOLDER / "soak", help="folder for the plot and the numbers"
    )
    options = parser.parse_args()
    if not (0 < options.minutes < math.inf and 0 < options.rate < math.inf):
        parser.error("--minutes and --rate must be above 0")
    seed = random.randrange(1_000_000) if options.seed is None else options.seed  # noqa: S311
    console = Console(highlight=False)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    with tempfile.TemporaryDirectory(prefix="sightline-soak-") as name:
        models = [colour_classifier(Path(name) / "colours")]
        context = {"abilities": json.dumps(ABILITIES)}
        cloud = Cloud(Path(name) / "cloud", say=console.print, models=models, context=context)
        try:
            endpoints = cloud.up()
            console.print(f"seed {seed}; to repeat this run, use --seed {seed}")
            soak = Soak(cloud, endpoints, seconds=60 * options.minutes, rate=options.rate, seed=seed)
            signal.signal(signal.SIGINT, lambda *_: soak.stopping.set())
            summary = soak.run(options.folder, console)
        except CloudError as error:
            console.print(f"error: {error}")
            return 1
        finally:
            cloud.down()
    console.print_json(data=summary)
    console.print(f"the plot and the numbers are in {options.folder}")
    for violation in summary["violations"]:
        console.print(f"✗ {violation}", style="red", markup=False)
    return 1 if summary["violations"] else 0


if __name__ == "__main__":
    sys.exit(main())
