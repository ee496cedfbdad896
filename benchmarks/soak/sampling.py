"""Sample memory and queues while the load runs, and plot everything."""

import csv
import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import requests
from PIL import Image

from benchmarks.soak.faults import workers
from benchmarks.soak.load import Call
from local.cloud import Cloud
from local.endpoints import Endpoints

MB = 1024 * 1024
LEAST_POINTS = 10
TIMEOUT_SECONDS = 30


@dataclass
class Sampler:
    """Samples the processes and queues at intervals. Times are seconds from the start, memory is RSS in MB."""

    cloud: Cloud
    endpoints: Endpoints
    queues: dict[str, str]
    """The URL of each queue, by name."""

    samples: list[dict[str, float]] = field(default_factory=list)
    by_worker: dict[tuple[str, int], list[tuple[float, float]]] = field(default_factory=dict)
    """The times and memory of each worker, by function and process id."""

    def run(self, clock: Callable[[], float], interval: float, stopping: threading.Event) -> None:
        """Sample until `stopping` is set."""
        while not stopping.wait(interval):
            with suppress(requests.RequestException, psutil.NoSuchProcess):
                self.samples.append(self.sample(clock()))

    def sample(self, at: float) -> dict[str, float]:
        """Take one sample: a row of the table."""
        row = {"seconds": round(at, 2)}
        for name, process in self.cloud.processes.running().items():
            row[f"{name}_mb"] = _mb(process)
        total, number = 0.0, 0
        for function, process in workers(self.cloud):
            with suppress(psutil.NoSuchProcess):
                memory = _mb(process)
                self.by_worker.setdefault((_short(function), process.pid), []).append((at, memory))
                total, number = total + memory, number + 1
        row |= {"workers_mb": round(total, 1), "workers": number}
        for name, depth in self.depths().items():
            row[f"{name}_queue"] = depth
        answered = requests.get(f"{self.endpoints.partner}calls", timeout=TIMEOUT_SECONDS).json()
        return row | {"delivered": answered.get("204", 0)}

    def depths(self) -> dict[str, int]:
        """Return the number of messages in each queue, including hidden ones."""
        sqs = self.cloud.client("sqs")
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        return {
            name: sum(map(int, sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"].values()))
            for name, url in self.queues.items()
        }

    def growth(self, start: float, end: float) -> dict[str, dict[str, float]]:
        """Return the memory and the growth of the workers that ran most of the time, by function.

        The growth is in MB a minute, by a linear fit.
        """
        found: dict[str, list[tuple[float, float, float]]] = {}
        for (function, _), points in self.by_worker.items():
            times, memory = np.array([point for point in points if start <= point[0] <= end]).T.reshape(2, -1)
            if len(times) < LEAST_POINTS or times[-1] - times[0] < (end - start) / 2:
                continue
            slope, _ = np.polyfit(times, memory, 1)
            found.setdefault(function, []).append((60 * slope, float(memory.mean()), float(memory.max())))
        return {
            function: {
                "workers": len(fits),
                "mb": round(float(np.mean([mean for _, mean, _ in fits])), 1),
                "mb_a_minute": round(max(slope for slope, _, _ in fits), 3),
            }
            for function, fits in sorted(found.items())
        }


def slope(samples: Sequence[dict[str, float]], name: str, start: float) -> float:
    """Fit a line to the values of a column after a time. Returns its slope in MB a minute."""
    points = [(row["seconds"], row[name]) for row in samples if row["seconds"] >= start and name in row]
    if len(points) < LEAST_POINTS:
        return float("nan")
    times, values = np.array(points).T
    return float(60 * np.polyfit(times, values, 1)[0])


def percentiles(values: Iterable[float]) -> dict[str, float]:
    """Return p50, p95, p99 and the maximum."""
    found = np.array(list(values))
    if not len(found):
        return {}
    return {
        name: round(float(np.percentile(found, q)), 3)
        for name, q in (("p50", 50), ("p95", 95), ("p99", 99), ("max", 100))
    }


def write_csv(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    """Write rows as CSV, with the columns of all rows."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, names)
        writer.writeheader()
        writer.writerows(rows)


def plot(
    path: Path,
    *,
    title: str,
    samples: Sequence[dict[str, float]],
    calls: Sequence[Call],
    labelled: Sequence[tuple[float, float]],
    faults: Sequence[tuple[str, float, float]],
) -> None:
    """Plot rate, latencies, memory and queues.

    `labelled` has the time of each upload, and the seconds until the picture had its labels.
    """
    from matplotlib.figure import Figure  # noqa: PLC0415 - importing it takes a second

    figure = Figure(figsize=(11, 12), layout="constrained")
    rate, to_labels, api, memory, queues = figure.subplots(5, sharex=True)
    width = max(1.0, samples[-1]["seconds"] / 60)
    for times, name in (
        ([call.at for call in calls if call.kind in {"upload", "post"}], "uploads"),
        ([at + seconds for at, seconds in labelled], "labelled (remaining pictures)"),
        ([call.at for call in calls], "API calls"),
    ):
        edges = np.arange(0, samples[-1]["seconds"] + width, width)
        counts, _ = np.histogram(times, edges)
        rate.plot(edges[:-1], counts / width, label=name)
    _percentiles(to_labels, labelled, width)
    _percentiles(api, [(call.at, call.ms / 1000) for call in calls if call.kind != "post"], width)
    seconds = [row["seconds"] for row in samples]
    for name, label in (
        ("emulator_mb", "emulator"),
        ("rekognition_mb", "local Rekognition"),
        ("workers_mb", "all workers"),
    ):
        memory.plot(seconds, [row.get(name, float("nan")) for row in samples], label=label)
    for name in (name for name in samples[0] if name.endswith("_queue")):
        queues.plot(seconds, [row.get(name, float("nan")) for row in samples], label=name.removesuffix("_queue"))
    for axes, text in (
        (rate, "a second"),
        (to_labels, "s, upload to labels"),
        (api, "s, API calls"),
        (memory, "MB"),
        (queues, "messages"),
    ):
        axes.set_ylabel(text)
        axes.grid(alpha=0.3)
        axes.legend(loc="upper left", fontsize="small", ncols=3)
        for _, start, end in faults:
            axes.axvspan(start, end, color="tab:red", alpha=0.08)
    to_labels.set_yscale("log")
    api.set_yscale("log")
    for name, start, _ in faults:
        rate.text(start, 1.02, name, rotation=35, fontsize="x-small", transform=rate.get_xaxis_transform())
    queues.set_xlabel("seconds")
    figure.suptitle(title)
    figure.savefig(path, dpi=70)
    with Image.open(path) as image:
        image.quantize(64).save(path, optimize=True)  # a palette makes the file a third as large


def _percentiles(axes: Any, points: Sequence[tuple[float, float]], width: float) -> None:
    bins: dict[int, list[float]] = {}
    for at, value in points:
        bins.setdefault(int(at // width), []).append(value)
    for name, q in (("p50", 50), ("p95", 95), ("p99", 99)):
        axes.plot([width * n for n in sorted(bins)], [np.percentile(bins[n], q) for n in sorted(bins)], label=name)


def _mb(process: psutil.Process) -> float:
    return round(process.memory_info().rss / MB, 1)


def _short(function: str) -> str:
    """Return the construct's name: `RekognitionStack-ProjectC78D97AD-…` is `Project`."""
    return function.partition("-")[2].partition("-")[0][:-8]
