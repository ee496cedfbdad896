"""A failing third party gets everything in the end, and few calls meanwhile."""

import json
import logging
import os
import re
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
from standardwebhooks import Webhook, WebhookVerificationError

from common.runtime.recognition_event import Label, RecognitionEvent
from integration.runtime.webhooks.circuit_breaker import FAILURES
from local.cloud import Cloud
from tests import partner_documents
from tests.e2e.conftest import System, environment, wait_for
from tests.e2e.test_commands import SIGHTLINE, sightline
from tests.source_server import Source, serve

OUTAGE_SECONDS = float(os.environ.get("OUTAGE_SECONDS", "8"))
"""`make test-delivery` takes a minute."""

RESULTS = 1000 if OUTAGE_SECONDS >= 60 else 100
MOST = RESULTS if OUTAGE_SECONDS >= 60 else round(0.9 * RESULTS)
"""Number of results that arrive while every third call fails. The last waits for minutes, after six failures."""

pytestmark = pytest.mark.usefixtures("without_thumbnails")

LONG = 240 + 8 * OUTAGE_SECONDS
Behave = Callable[..., None]


@pytest.fixture
def behave(system: System) -> Iterator[Behave]:
    """Return a function that sets the partner's answers."""

    def told(**behaviour: Any) -> None:
        requests.post(f"{system.endpoints.partner}behaviour", json=behaviour, timeout=60).raise_for_status()

    wait_for(system.is_idle)
    yield told
    told()


def event(image: str, *labels: str) -> RecognitionEvent:
    return RecognitionEvent(
        event="image.recognized",
        event_id=str(uuid.uuid4()),
        image=image,
        image_id=str(uuid.uuid4()),
        bucket="images",
        version_id="v1",
        source_url=None,
        occurred_at=f"2026-11-20T09:30:00.{uuid.uuid4().int % 1000:03}Z",
        model="3.0",
        labels=tuple(Label(name=label, confidence=98.13) for label in labels),
    )


def publish(system: System, events: list[RecognitionEvent]) -> None:
    """Publish events as recognition does."""
    sns = system.client("sns")
    [topic] = [t["TopicArn"] for t in sns.list_topics()["Topics"] if "LabelsTopic" in t["TopicArn"]]
    for start in range(0, len(events), 10):
        entries = [
            {
                "Id": str(number),
                "Message": one.to_json(),
                "MessageAttributes": {
                    "event": {"DataType": "String", "StringValue": one.event},
                    "labels": {
                        "DataType": "String.Array",
                        "StringValue": json.dumps([label.name for label in one.labels]),
                    },
                },
            }
            for number, one in enumerate(events[start : start + 10])
        ]
        assert not sns.publish_batch(TopicArn=topic, PublishBatchRequestEntries=entries).get("Failed")


def calls(system: System, status: int) -> int:
    """Return the number of documents that the partner answered with a status."""
    counted = requests.get(f"{system.endpoints.partner}calls", timeout=60).json()
    return int(counted.get(str(status), 0))


@pytest.mark.timeout(1800)
def test_results_survive_an_outage_throttling_and_errors(system: System, cloud: Cloud, behave: Behave) -> None:
    results = [event(f"outage/{number:04}.jpg", "Dog") for number in range(RESULTS)]
    wanted, began = {result.event_id for result in results}, time.monotonic()

    def arrived() -> set[str]:
        return {delivery["headers"]["webhook-id"] for delivery in accepted(system, wanted)}

    before = calls(system, 503)
    _forget_what_is_cached(system)  # a worker that had an answer a moment ago makes ten calls at once
    behave(status=503)
    publish(system, results)
    wait_for(lambda: calls(system, 503) >= before + FAILURES)
    up_at = time.monotonic() + OUTAGE_SECONDS
    wait_for(lambda: time.monotonic() > up_at, OUTAGE_SECONDS + 5)
    refused = calls(system, 503) - before
    assert refused <= 20

    before = calls(system, 429)
    behave(status=429, retry_after="2")
    wait_for(lambda: calls(system, 429) >= before + 2, LONG)
    throttled = calls(system, 429) - before

    before = calls(system, 500)
    behave(status=500, every=3)
    wait_for(lambda: len(arrived()) >= MOST, LONG)
    failed = calls(system, 500) - before
    assert failed >= 0.3 * RESULTS
    most = time.monotonic() - began
    behave()
    wait_for(lambda: arrived() == wanted, LONG)
    wait_for(system.is_idle, LONG)
    figures = f"{refused} calls in an outage of {OUTAGE_SECONDS} s, {throttled} were throttled, {failed} failed"
    figures += f"; {MOST} arrived after {most:.0f} s, all after {time.monotonic() - began:.0f} s"
    logging.getLogger(__name__).info(figures)

    assert system.depth("LabelsDeadLetters") == 0
    check_signatures(cloud, accepted(system, wanted))


def accepted(system: System, event_ids: set[str]) -> list[dict[str, Any]]:
    """Return the deliveries of these events that the partner has accepted."""
    return [delivery for delivery in system.deliveries() if delivery["headers"]["webhook-id"] in event_ids]


def check_signatures(cloud: Cloud, deliveries: list[dict[str, Any]]) -> None:
    for delivery in deliveries:
        assert partner_documents.read(delivery["body"])["event_id"] == delivery["headers"]["webhook-id"]
        assert delivery["signature"] == "valid"
    reference = Webhook(sightline(cloud, "signing-secret").stdout.strip())
    for delivery in deliveries[:20]:
        reference.verify(delivery["body"], delivery["headers"], json_parse=False)


def test_poison_is_dead_after_one_attempt_and_a_replay_after_the_fix_delivers_it(
    system: System, cloud: Cloud, behave: Behave
) -> None:
    poison, fine = event("poison <&> ☠.jpg", "Dog"), event("fine.jpg", "Dog")
    before = calls(system, 400)
    behave(status=400, containing="poison &lt;&amp;&gt;")
    publish(system, [poison, fine])
    wait_for(lambda: system.documents("fine.jpg"))
    wait_for(lambda: system.depth("LabelsDeadLetters") == 1)
    assert calls(system, 400) == before + 1
    shown = sightline(cloud, "deliveries", "--image", poison.image, "--json")
    [entry] = json.loads(shown.stdout)
    assert (entry["status"], entry["attempts"], entry["last_status"]) == ("DEAD", 1, 400)
    dead = subprocess.run(
        [SIGHTLINE, "redrive", "Labels"],
        env=environment(cloud.folder),
        input="n\n",
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert f"  {poison.image}\n" in dead.stdout
    assert "    the receiver answered 400: POST /behaviour requested this status: 400\n" in dead.stdout

    behave()
    replayed = sightline(cloud, "replay", entry["event_id"])
    assert replayed.stdout == f"{entry['event_id']} will be delivered again to thirdparty\n"
    wait_for(lambda: _ids(system).count(poison.event_id) == 1)

    def in_the_log() -> tuple[str, int]:
        [entry] = json.loads(sightline(cloud, "deliveries", "--image", poison.image, "--json").stdout)
        return entry["status"], entry["attempts"]

    wait_for(lambda: in_the_log() == ("DELIVERED", 2))  # which is written after the partner has it

    assert "1 message moved back" in sightline(cloud, "redrive", "Labels", "--yes").stdout
    wait_for(lambda: _ids(system).count(poison.event_id) == 2)
    assert system.depth("LabelsDeadLetters") == 0
    assert "poison" in sightline(cloud, "deliveries", "--image", poison.image).stdout


def _ids(system: System) -> list[str]:
    return [delivery["headers"]["webhook-id"] for delivery in system.deliveries()]


def test_an_event_that_was_never_sent_is_not_replayed(cloud: Cloud) -> None:
    refused = sightline(cloud, "replay", str(uuid.uuid4()))
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "✗ no event with this id was sent" in refused.stderr


def test_documents_that_wait_for_a_receiver_that_is_down_are_shown(
    system: System, cloud: Cloud, behave: Behave
) -> None:
    def log(image: str) -> list[str]:
        return sightline(cloud, "deliveries", "--image", image).stdout.rstrip("\n").split("\t")

    waiting = event("behind the breaker.jpg")
    behave(status=503, retry_after="900")  # longer than this test takes on any machine
    try:
        publish(system, [event("opens the breaker.jpg")])
        wait_for(lambda: "503" in log("opens the breaker.jpg")[-1])
        publish(system, [waiting])
        shown = wait_for(lambda: (found := log(waiting.image))[1:] and found)
        assert shown == [waiting.event_id, waiting.image, waiting.event, "thirdparty", "WAITING", "0", "", ""]
    finally:
        behave()
        end_pause(system)
    assert sightline(cloud, "replay", waiting.event_id).returncode == 0
    wait_for(lambda: log(waiting.image)[4:6] == ["DELIVERED", "1"])


def end_pause(system: System) -> None:
    """End the pause that the partner asked for. Drop the documents that wait for its end."""
    system.client("sqs").purge_queue(QueueUrl=system.queue("LabelsQueue"))
    dynamodb = system.client("dynamodb")
    [table] = [name for name in dynamodb.list_tables()["TableNames"] if "Breakers" in name]
    dynamodb.delete_item(TableName=table, Key={"receiver": {"S": "thirdparty"}})
    _forget_what_is_cached(system)


def test_signatures_hold_across_a_rotation(system: System, cloud: Cloud, behave: Behave) -> None:
    """The partner has the old secret, then the new one; no delivery fails in between."""

    def delivery(image: str) -> dict[str, Any]:
        publish(system, [event(image, "Dog")])
        [found] = wait_for(lambda: [d for d in system.deliveries() if f"<image>{image}<" in d["body"]])
        return dict(found)

    old = sightline(cloud, "signing-secret").stdout.strip()
    assert old.removeprefix("whsec_") in cloud.signing_secrets.read_text()
    before = delivery("before.jpg")
    assert before["signature"] == "valid"

    new = sightline(cloud, "signing-secret", "--rotate", "--yes").stdout.strip()
    _forget_what_is_cached(system)
    during = delivery("during.jpg")
    assert during["signature"] == "valid"  # the partner still has the old secret
    for secret in (old, new):
        Webhook(secret).verify(during["body"], during["headers"], json_parse=False)

    cloud.signing_secrets.write_text(new)
    after = delivery("after.jpg")
    assert after["signature"] == "valid"
    Webhook(new).verify(after["body"], after["headers"], json_parse=False)
    with pytest.raises(WebhookVerificationError):
        Webhook(new).verify(before["body"], before["headers"], json_parse=False)


def _forget_what_is_cached(system: System) -> None:
    """Change the function, so that new workers start with empty caches.

    The change ends running workers. Their messages would stay hidden for minutes.
    """
    wait_for(system.is_idle)
    functions = system.client("lambda")
    for function in functions.list_functions()["Functions"]:
        if function["Handler"] == "integration.runtime.deliver.handler":
            functions.update_function_configuration(FunctionName=function["FunctionName"], MemorySize=513)


def test_another_receiver_gets_its_labels_as_json_and_its_failures_delay_nobody(
    system: System, cloud: Cloud, behave: Behave, pets: Source
) -> None:
    pets.post_status = 500
    dog, tree = event("dog.jpg", "Dog", "Animal"), event("tree.jpg", "Tree")
    publish(system, [tree, dog])
    wait_for(lambda: system.documents("dog.jpg") and system.documents("tree.jpg"))
    wait_for(lambda: pets.received)
    wait_for(lambda: (system.depth("LabelsQueue"), system.depth("PetsLabelsQueue")) == (0, 1))

    pets.post_status = 200
    wait_for(lambda: system.depth("PetsLabelsQueue") == 0)
    assert all(RecognitionEvent.from_json(body.decode()) == dog for body in pets.received)
    assert pets.headers[-1]["content-type"] == "application/json"
    secret = sightline(cloud, "signing-secret", "pets").stdout.strip()
    assert Webhook(secret).verify(pets.received[-1], pets.headers[-1])["image"] == "dog.jpg"
    entries = json.loads(sightline(cloud, "deliveries", "--image", "dog.jpg", "--json").stdout)
    assert {entry["receiver"]: entry["status"] for entry in entries} == {"thirdparty": "DELIVERED", "pets": "DELIVERED"}
    assert "the receivers are thirdparty, pets" in sightline(cloud, "signing-secret", "nobody").stderr


@pytest.fixture
def pets(system: System) -> Iterator[Source]:
    """The second receiver. Only this fixture gives it an address."""
    with serve() as running:
        ssm = system.client("ssm")
        ssm.put_parameter(Name="pets_endpoint", Value=running.address, Type="String", Overwrite=True)
        _forget_what_is_cached(system)
        yield running
        ssm.delete_parameter(Name="pets_endpoint")
    _forget_what_is_cached(system)


def test_a_result_is_mailed_with_name_and_source_first(system: System) -> None:
    name = "mailed ü.jpg"
    assert system.upload(f"{system.endpoints.photos}astronaut.jpg", name).ok
    mails = wait_for(lambda: [mail for mail in _mails(system) if f"Image: {name}\n" in mail["text"]])
    assert re.fullmatch(r"Sightline: \d+ images?", mails[0]["subject"])
    [paragraph] = [part for part in mails[0]["text"].split("\n\n") if name in part]
    image, source, *labels = paragraph.strip().splitlines()
    assert (image, source) == (f"Image: {name}", f"Source: {system.endpoints.photos}astronaut.jpg")
    assert any(re.fullmatch(r"Label: Face, Confidence: \d\d\.\d\d%", label) for label in labels)


def _mails(system: System) -> list[dict[str, str]]:
    mails: list[dict[str, str]] = requests.get(system.endpoints.partner, timeout=60).json()["mails"]
    return mails


def test_the_log_of_deliveries_is_for_holders_of_the_key(system: System) -> None:
    address = f"{system.endpoints.deliveries}/deliveries"
    assert requests.get(address, headers=system.headers, timeout=60).ok
    assert requests.get(address, timeout=60).status_code == 403
    assert requests.post(f"{address}/x/replay", timeout=60).status_code == 403
