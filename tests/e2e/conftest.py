"""The end-to-end tests run the real commands against one embedded cloud, with a folder of its own."""

import json
import os
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

import boto3
import pytest
import requests
from xdist.scheduler import LoadScopeScheduling

from cli.api_keys import usage_plans
from cli.stacks import Stacks
from local.cloud import Cloud
from local.endpoints import Endpoints
from tests.conftest import ROOT
from tests.e2e.diagnosis import diagnosis
from tests.local.onnx_models import colour_classifier, spot_detector
from tests.source_server import Source, serve

PATIENCE = 120.0
"""Seconds to wait for a state that comes in any case. Much more than it takes, because the machine may be busy."""

TIMEOUT = 900
"""The least time limit of a test, in seconds. The first test of a file also starts the cloud."""

LONGEST_FIRST = (
    "test_budget",
    "gallery",
    "test_abilities",
    "test_commands",
    "test_delivery",
    "test_nothing_lost",
    "test_deploy",
)
"""Files and folders in the order of their start. test_budget deploys other settings before its worker's cloud is up."""

FLOW = ("Manifest", "Fetch", "UploadedImage", "RemovedImage", "Thumbnail", "Index", "Labels")
"""The work queues. A worker only sends to its own queue and to those that follow."""

RECEIVERS = [
    {"name": "thirdparty", "url_parameter": "thirdparty_endpoint"},
    {"name": "pets", "url_parameter": "pets_endpoint", "format": "json", "labels": ["Dog", "Cat"]},
]


def unit(file: Path) -> str:
    """Return the group of a test: its file, or one group for all files of the gallery. One worker runs a whole
    group."""
    return file.parent.name if file.parent.name == "gallery" else file.stem


class ByFile(LoadScopeScheduling):  # type: ignore[misc] # xdist has no types
    """Gives each worker, which has its own cloud, one file after the other. The gallery's files share pictures."""

    def _split_scope(self, nodeid: str) -> str:
        return unit(Path(nodeid.partition("::")[0]))


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    """Return xdist's scheduler."""
    return ByFile(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Start the longest files first, and give each test the time that a busy machine needs."""
    places = {name: place for place, name in enumerate(LONGEST_FIRST)}
    items.sort(key=lambda item: places.get(unit(item.path), len(places)))
    for item in items:
        marker = item.get_closest_marker("timeout")
        if Path(__file__).parent in item.path.parents and not (marker and marker.args[0] > TIMEOUT):
            item.add_marker(pytest.mark.timeout(TIMEOUT), append=False)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Function) -> Generator[None, Any, Any]:
    """Show the system's state with a failed test."""
    report = yield
    system = getattr(item, "funcargs", {}).get("system")
    if report.failed and system:
        report.sections.append(("system", diagnosis(system)))
    return report


def wait_for(look: Callable[[], Any], seconds: float = PATIENCE) -> Any:
    """Call `look` until it returns something, and return that. Calls take at most a third of the time."""
    deadline = time.monotonic() + seconds
    began = time.monotonic()
    while not (found := look()):
        ended = time.monotonic()
        assert ended < deadline, f"still {found!r} after {seconds} s"
        time.sleep(max(0.05, 2 * (ended - began)))
        began = time.monotonic()
    return found


def run_local(
    folder: Path, *arguments: str, sources: str = "", models: str = "", context: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run `python -m local …` as make does."""
    settings = environment(folder)
    settings["LOCAL_CONTEXT"] += f" {context}"
    return subprocess.run(
        [sys.executable, "-m", "local", *arguments],
        cwd=ROOT,
        env=settings | {"LOCAL_SOURCES": sources, "MODEL_DIR": models},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


def environment(folder: Path) -> dict[str, str]:
    """Return the commands' environment: their folder, and a wide screen."""
    return {
        **os.environ,
        "SIGHTLINE_LOCAL": str(folder),
        "COLUMNS": "200",
        "LOCAL_CONTEXT": f"receivers={json.dumps(RECEIVERS, separators=(',', ':'))}",
    }


@pytest.fixture(scope="session")
def source() -> Iterator[Source]:
    """A source of pictures that the cloud may fetch from."""
    with serve() as running:
        yield running


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return hand-made models with known answers. The README's screenshots need none."""
    if os.environ.get("SIGHTLINE_SCREENSHOTS"):
        return ""
    folder = tmp_path_factory.mktemp("models")
    return f"{colour_classifier(folder / 'colours')}{os.pathsep}{spot_detector(folder / 'spots')}"


Start = Callable[..., Cloud]


@pytest.fixture(scope="session")
def start(source: Source, models: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    """Return a function that starts the worker's cloud, as `make local-up` does. It takes settings as `name=value`."""
    cloud = Cloud(tmp_path_factory.mktemp("local"), say=print)

    def started(context: str = "") -> Cloud:
        done = run_local(cloud.folder, "up", sources=source.host_and_port, models=models, context=context)
        assert done.returncode == 0, done.stdout + done.stderr
        return cloud

    yield started
    answered = system_of(cloud).answered() if cloud.endpoints() else Counter[str]()
    cloud.down()
    assert set(answered) <= {"DetectLabels"}, "no ability is enabled"


@pytest.fixture(scope="session")
def cloud(start: Start) -> Cloud:
    return start()


@cache
def client(address: str, service: Any) -> Any:
    """Return a client of the embedded cloud at this address."""
    return boto3.client(service, endpoint_url=address)


@cache
def queue_urls(address: str) -> tuple[str, ...]:
    """Return the URLs of all queues. Tests create none."""
    return tuple(client(address, "sqs").list_queues()["QueueUrls"])


@dataclass(frozen=True)
class System:
    """The running system, as its users meet it: over HTTP, and through the bucket."""

    endpoints: Endpoints

    @property
    def headers(self) -> dict[str, str]:
        return {"x-api-key": self.endpoints.api_key}

    def upload(self, url: str, name: str, **more: str) -> requests.Response:
        parameters = {"url": url, "name": name, **more}
        return requests.get(self.endpoints.upload, params=parameters, headers=self.headers, timeout=60)

    def images(self) -> dict[str, Any]:
        answer = requests.get(f"{self.endpoints.labels}?limit=1000", headers=self.headers, timeout=60)
        return {entry["image"]: entry for entry in answer.json()}

    def image(self, name: str) -> Any:
        """Return the record, or None if there is none yet."""
        address = f"{self.endpoints.labels}/images/{quote(name)}"
        answer = requests.get(address, headers=self.headers, timeout=60)
        return answer.json() if answer.status_code == 200 else None

    def deliveries(self) -> list[dict[str, Any]]:
        """Return the documents that the partner accepted."""
        received = requests.get(self.endpoints.partner, timeout=60).json()["deliveries"]
        return [entry for entry in received if entry["answered"] == 204]

    def documents(self, name: str) -> list[str]:
        """Return the bodies that the partner accepted about an image."""
        return [entry["body"] for entry in self.deliveries() if f"<image>{name}</image>" in entry["body"]]

    def answered(self) -> Counter[str]:
        """Return the number of calls that Rekognition answered since its start, by operation."""
        stats = requests.get(f"{self.endpoints.rekognition}/stats", timeout=60).json()
        return Counter({operation: count for operation, count in stats.items() if operation != "refused"})

    def client(self, service: Any) -> Any:
        return client(self.endpoints.aws, service)

    def s3(self) -> Any:
        return self.client("s3")

    def queue(self, name: str) -> str:
        """Return the URL of a queue by its construct's name, such as `UploadedImageQueue` or `LabelsDeadLetters`."""
        [found] = [url for url in queue_urls(self.endpoints.aws) if f"Stack-{name}" in url]
        return str(found)

    def depth(self, name: str) -> int:
        """Return the number of a queue's messages, including hidden and delayed ones."""
        return self._depth(self.queue(name))

    def _depth(self, url: str) -> int:
        found = self.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        return sum(int(found[f"ApproximateNumberOfMessages{state}"]) for state in ("", "NotVisible", "Delayed"))

    def depths(self) -> dict[str, int]:
        """Return the numbers of messages of the queues that have any."""
        depths = {url.rpartition("/")[2]: self._depth(url) for url in queue_urls(self.endpoints.aws)}
        return {name: depth for name, depth in depths.items() if depth}

    def is_idle(self) -> bool:
        """Return True if all work queues are empty. After a stop, unfinished messages stay hidden for minutes.

        In the order of FLOW, work that moves on meanwhile is seen in a later queue. S3 announces a change a moment
        after it: wait for the effect of a change first.
        """
        urls = queue_urls(self.endpoints.aws)
        working = [url for name in FLOW for url in urls if re.search(rf"Stack-\w*{name}Queue", url)]
        return not any(map(self._depth, working))

    def logged(self, text: str) -> list[dict[str, Any]]:
        """Return the functions' log lines that contain this text."""
        logs = self.client("logs")
        groups = [group["logGroupName"] for group in logs.describe_log_groups()["logGroups"]]
        found = [logs.filter_log_events(logGroupName=g, filterPattern=f'"{text}"')["events"] for g in groups]
        return [json.loads(event["message"]) for events in found for event in events]

    def stored(self) -> set[str]:
        listed = self.s3().list_objects_v2(Bucket=self.endpoints.bucket).get("Contents", [])
        return {entry["Key"] for entry in listed}


def system_of(cloud: Cloud) -> System:
    """Return the system that runs in a cloud."""
    endpoints = cloud.endpoints()
    assert endpoints
    return System(endpoints)


@pytest.fixture(scope="session")
def system(cloud: Cloud) -> System:
    return system_of(cloud)


@pytest.fixture(scope="module")
def without_thumbnails(system: System) -> Iterator[None]:
    """Make no thumbnails in tests of hundreds of pictures: each takes a process, and these tests do not need them."""
    sns, queue = system.client("sns"), system.queue("ThumbnailQueue").rpartition("/")[2]
    [subscription] = [s for s in sns.list_subscriptions()["Subscriptions"] if s["Endpoint"].endswith(f":{queue}")]
    for policy in ({"no such attribute": ["of S3's events"]}, {}):
        sns.set_subscription_attributes(
            SubscriptionArn=subscription["SubscriptionArn"],
            AttributeName="FilterPolicy",
            AttributeValue=json.dumps(policy),
        )
        if policy:
            yield


@pytest.fixture
def same_key_afterwards(cloud: Cloud, system: System) -> Iterator[None]:
    """Restore the key after tests that rotate it, because all other tests use it."""
    gateway = system.client("apigateway")
    yield
    for key in gateway.get_api_keys(includeValues=True)["items"]:
        if key["value"] == system.endpoints.api_key:
            enable = {"op": "replace", "path": "/enabled", "value": "true"}
            gateway.update_api_key(apiKey=key["id"], patchOperations=[enable])
        elif key["name"].startswith("sightline-"):
            for plan in usage_plans(Stacks(cloud.client)):
                gateway.delete_usage_plan_key(usagePlanId=plan, keyId=key["id"])
            gateway.delete_api_key(apiKey=key["id"])
    (cloud.folder / "endpoints.json").write_text(json.dumps(asdict(system.endpoints)))


@pytest.fixture
def healthy(system: System) -> Iterator[System]:
    """A deployment in which the doctor finds nothing: the second receiver has an address too."""
    ssm = system.client("ssm")
    ssm.put_parameter(Name="pets_endpoint", Value=system.endpoints.partner, Type="String", Overwrite=True)
    wait_for(system.is_idle, 120)  # messages that an earlier test let fail come back with growing pauses
    yield system
    ssm.delete_parameter(Name="pets_endpoint")
