"""A message of absurd JSON fails alone, in each function that a queue feeds. Its neighbours are handled."""

import copy
import dataclasses
import json
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import boto3
import pytest

from api.runtime import fetch_images, read_manifest
from api.runtime.fetch_images import Line
from common.runtime import s3_events
from common.runtime.recognition_event import Box, EventError, Instance, Label, RecognitionEvent
from integration.runtime import deliver, send_email
from integration.runtime.webhooks.receiver_answers import Answer
from recognition.runtime import make_renditions, recognize_images, update_index
from tests.conftest import captured
from tests.functional.conftest import Context, failed, sqs_event
from tests.functional.desk import EVENT

DIGITS = "9" * 5000
ABSURD = {
    "deep list": "[" * 100_000,
    "closed deep list": "[" * 100_000 + "]" * 100_000,
    "deep object": '{"a":' * 50_000,
    "infinite": '{"Records": 1e400}',
    "digits": f'{{"Records": {DIGITS}}}',
    "not a number": '{"Records": NaN}',
    "surrogate": '{"Records": "\\ud800"}',
    "twice": '{"Records": [], "Records": []}',
    "text": '"text"',
    "null": "null",
    "no JSON": "no json",
}
WRONG = ["1e400", DIGITS, "[" * 100_000, "[[1]]", '{"a": {"a": 1}}', "true", '["\\ud800"]', "1", "NaN"]
MARK = "~mark~"
FULL = dataclasses.replace(
    EVENT,
    labels=(
        Label(
            name="Dog",
            confidence=90.0,
            parents=("Pet",),
            categories=("Animals",),
            aliases=("Hound",),
            instances=(Instance(confidence=91.0, box=Box(left=0.1, top=0.2, width=0.3, height=0.4)),),
        ),
    ),
)


def damaged(document: Any) -> Iterator[tuple[str, str]]:
    """Yield the document with a wrong value in place of each of its members, at each level, and where it is."""
    for path in _paths(document):
        changed = copy.deepcopy(document)
        place = changed
        for step in path[:-1]:
            place = place[step]
        place[path[-1]] = MARK
        for wrong in WRONG:
            yield f"{path}: {wrong[:20]}", json.dumps(changed).replace(f'"{MARK}"', wrong)


def _paths(value: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    steps = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, inner in steps:
        yield (*above, step)
        yield from _paths(inner, (*above, step))


def test_a_damaged_event_is_refused_or_is_an_event_with_the_right_types() -> None:
    for place, text in damaged(json.loads(FULL.to_json())):
        try:
            event = RecognitionEvent.from_json(text)
        except EventError:
            continue
        assert RecognitionEvent.from_json(event.to_json()) == event, place
        assert isinstance(event.image, str), place


def test_a_damaged_notification_is_refused_or_names_an_object() -> None:
    for place, text in damaged(captured("object-created")):
        try:
            found = list(s3_events.changes(text))
        except s3_events.NotificationError:
            continue
        assert all(isinstance(change.key, str) and isinstance(change.bucket, str) for change in found), place


class FakeSender:
    """Sends nothing, and its breaker is closed. A dead letter is a failure, as for the other handlers."""

    def __init__(self, images: list[str]) -> None:
        self.images = images
        self.breaker = SimpleNamespace(call=lambda attempt, until: attempt())
        self.deliveries = SimpleNamespace(record=lambda *_: 1)

    def address(self) -> str:
        return "https://receiver.example"

    def secrets(self) -> tuple[str, ...]:
        return ()

    def offer(self, event: RecognitionEvent, *_: Any) -> Answer:
        self.images.append(event.image)
        return Answer(status=204, text="")

    def bury(self, message: Any, reason: str) -> None:
        raise EventError(reason)


@pytest.fixture
def handled(monkeypatch: pytest.MonkeyPatch, queue_url: str) -> list[str]:
    """Replace the work behind each handler. Returns the images that the handlers passed on."""
    images: list[str] = []

    class Work:
        def handle(self, what: Any, *_: Any, **__: Any) -> None:
            images.append(what if isinstance(what, str) else getattr(what, "key", None) or what.name)

        def read(self, manifest: Any, **_: Any) -> None:
            images.append(manifest.key)

    for module, name, work in (
        (recognize_images, "record_updater", Work),
        (make_renditions, "rendition_updater", Work),
        (update_index, "index_updater", Work),
        (fetch_images, "fetcher", Work),
        (read_manifest, "reader", Work),
        (deliver, "Sender", lambda **_: FakeSender(images)),
    ):
        monkeypatch.setattr(module, name, work)
        for variable in dataclasses.fields(module.Environment):
            is_queue = variable.name in {"queue_url", "fetch_queue_url", "manifest_queue_url"}
            monkeypatch.setenv(variable.name.upper(), queue_url if is_queue else "20")
    monkeypatch.setattr(fetch_images, "SPARE_SECONDS", -1.0)
    monkeypatch.setenv("EMAIL_TOPIC_ARN", boto3.client("sns").create_topic(Name="mail")["TopicArn"])
    monkeypatch.setattr(send_email.logger, "info", lambda _: images.append(EVENT.image))
    return images


NOTIFICATION = json.dumps(captured("object-created"))
LINE = json.dumps({"key": "list.csv", "version_id": "v", "number": 1, "url": "https://a.example/b", "name": "b.jpg"})


@pytest.mark.parametrize(
    ("handler", "good"),
    [
        (recognize_images.handler, NOTIFICATION),
        (make_renditions.handler, NOTIFICATION),
        (update_index.handler, FULL.to_json()),
        (fetch_images.handler, LINE),
        (read_manifest.handler, NOTIFICATION),
        (deliver.handler, FULL.to_json()),
        (send_email.handler, FULL.to_json()),
    ],
    ids=[
        "recognize_images",
        "make_renditions",
        "update_index",
        "fetch_images",
        "read_manifest",
        "deliver",
        "send_email",
    ],
)
def test_absurd_messages_fail_alone(
    handler: Callable[..., Any], good: str, handled: list[str], context: Context
) -> None:
    bodies = [good, *ABSURD.values(), good]
    assert failed(dict(handler(sqs_event(*bodies), context))) == sorted(map(str, range(1, len(bodies) - 1)))
    assert len(handled) == 2
    texts = [text for _, text in damaged(json.loads(good))]
    for start in range(0, len(texts), 8):
        handled.clear()
        answer = failed(dict(handler(sqs_event(good, *texts[start : start + 8], good), context)))
        assert {"0", "9"}.isdisjoint(answer)
        assert len(handled) >= 2


def test_a_message_that_is_no_line_is_refused() -> None:
    with pytest.raises(ValueError, match="nested too deeply"):
        Line.from_json("[" * 100_000)
