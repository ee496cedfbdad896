"""Rekognition is called once for the same bytes, whatever happens around it."""

import hashlib
import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from common.runtime import queue_consumer
from common.runtime.recognition_event import Failure, Label
from recognition.runtime import recognize_images
from recognition.runtime.detection.detect_labels import Detection
from recognition.runtime.records.image_records import ImageRecord
from recognition.runtime.records.record_updater import RecordUpdater
from recognition.runtime.spending.answer_forms import DETECTIONS
from recognition.runtime.spending.paid_answers import ClaimedError, PaidAnswers
from tests.functional.conftest import Context, Topic, sqs_event
from tests.functional.fake_rekognition import FakeRekognition, with_operation
from tests.functional.s3_bucket import S3

ANSWER = Detection(labels=(Label(name="Dog", confidence=98.13),), model="3.0", failure=None)


@pytest.fixture
def answers(tables: dict[str, str]) -> PaidAnswers[Detection]:
    return PaidAnswers(boto3.client("dynamodb"), tables["recognitions"], DETECTIONS)


def another(answers: PaidAnswers[Detection]) -> PaidAnswers[Detection]:
    """Return another worker's view of the table."""
    return PaidAnswers(answers.dynamodb, answers.table, DETECTIONS)


class CountingRekognition:
    """A Rekognition that counts, and answers or raises."""

    def __init__(self, answer: Detection | BaseException = ANSWER) -> None:
        self.times = 0
        self.answer = answer

    def __call__(self) -> Detection:
        self.times += 1
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer


def test_a_stored_answer_is_given_to_everybody(answers: PaidAnswers[Detection]) -> None:
    rekognition = CountingRekognition()
    for reader in (answers, answers, another(answers)):
        assert reader.answer("c", refresh=None, lease_seconds=60, ask=rekognition) == ANSWER
    assert rekognition.times == 1


def test_a_refusal_is_an_answer_too(answers: PaidAnswers[Detection]) -> None:
    refusal = Detection((), None, Failure(code="InvalidImageFormatException", message="m"))
    rekognition = CountingRekognition(refusal)
    for _ in range(2):
        assert answers.answer("c", refresh=None, lease_seconds=60, ask=rekognition) == refusal
    assert rekognition.times == 1


def test_while_one_worker_asks_another_is_told_how_long_to_wait(answers: PaidAnswers[Detection]) -> None:
    other = CountingRekognition()

    def meanwhile() -> Detection:
        with pytest.raises(ClaimedError) as told:
            another(answers).answer("c", refresh=None, lease_seconds=60, ask=other)
        assert told.value.seconds <= 3  # the claim is young
        return ANSWER

    assert answers.answer("c", refresh=None, lease_seconds=60, ask=meanwhile) == ANSWER
    assert other.times == 0
    assert another(answers).answer("c", refresh=None, lease_seconds=60, ask=other) == ANSWER
    assert other.times == 0


@pytest.mark.parametrize("lease", [0.2, 8.0, 60.0, 66.5])
def test_few_receives_are_spent_on_a_claim_that_is_never_given_back(
    answers: PaidAnswers[Detection], lease: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = 1_000.0
    monkeypatch.setattr("recognition.runtime.spending.paid_answers.time.time", lambda: clock)
    with pytest.raises(SystemExit):
        answers.answer("c", refresh=None, lease_seconds=lease, ask=CountingRekognition(SystemExit()))
    for _ in range(8):
        try:
            another(answers).answer("c", refresh=None, lease_seconds=lease, ask=CountingRekognition())
            break
        except ClaimedError as told:
            clock += told.seconds
    assert lease < clock - 1_000 <= lease + 2


def test_the_claim_of_a_dead_worker_ends_with_its_lease(
    answers: PaidAnswers[Detection], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, rekognition = 1_000.0, CountingRekognition()
    monkeypatch.setattr("recognition.runtime.spending.paid_answers.time.time", lambda: clock)

    class DeadError(BaseException):
        """The worker is gone: nothing after it is run."""

    with pytest.raises(DeadError):
        answers.answer("c", refresh=None, lease_seconds=20, ask=CountingRekognition(DeadError()))
    clock += 19
    with pytest.raises(ClaimedError):
        another(answers).answer("c", refresh=None, lease_seconds=60, ask=rekognition)
    clock += 2
    assert another(answers).answer("c", refresh=None, lease_seconds=60, ask=rekognition) == ANSWER
    assert rekognition.times == 1


def test_a_transient_failure_gives_the_claim_back(answers: PaidAnswers[Detection]) -> None:
    with pytest.raises(ConnectionError):
        answers.answer("c", refresh=None, lease_seconds=60, ask=CountingRekognition(ConnectionError()))
    assert another(answers).answer("c", refresh=None, lease_seconds=60, ask=CountingRekognition()) == ANSWER


def test_an_answer_that_cannot_be_stored_is_used_all_the_same(
    answers: PaidAnswers[Detection], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer is paid for. An error would cost a second call."""
    update, rekognition = answers.dynamodb.update_item, CountingRekognition()

    def refuse_answers(**request: Any) -> Any:
        if "SET answer" in request["UpdateExpression"]:
            raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "m"}}, "UpdateItem")
        return update(**request)

    monkeypatch.setattr(answers.dynamodb, "update_item", refuse_answers)
    assert answers.answer("c", refresh=None, lease_seconds=60, ask=rekognition) == ANSWER
    assert rekognition.times == 1


def test_a_request_for_a_new_answer_makes_one_call(answers: PaidAnswers[Detection]) -> None:
    rekognition = CountingRekognition()
    for refresh in (None, "wish 1", "wish 1", None, "wish 2", "wish 2"):
        answers.answer("c", refresh=refresh, lease_seconds=60, ask=rekognition)
    assert rekognition.times == 3


def test_threads_of_one_worker_that_meet_at_one_content_ask_once(answers: PaidAnswers[Detection]) -> None:
    together, rekognition = threading.Barrier(8), CountingRekognition()

    def look(_: int) -> Detection:
        together.wait(60)
        return answers.answer("c", refresh=None, lease_seconds=60, ask=rekognition)

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(look, range(8))) == {ANSWER}
    assert rekognition.times == 1


def test_the_same_bytes_under_other_names_cost_one_call(
    deliver: Callable[..., list[str]],
    s3: S3,
    rekognition: FakeRekognition,
    records: Callable[[str], ImageRecord | None],
    labels_topic: Topic,
) -> None:
    names = [f"{number}.jpg" for number in range(10)]
    assert deliver(*[s3.put(name, body="the same") for name in names]) == []
    assert len(rekognition.calls) == 1
    assert all(records(name) for name in names)
    assert {published.document["image"] for published in labels_topic.published()} == set(names)


def test_a_settings_change_alone_calls_nothing_and_the_same_bytes_after_it_call_again(
    deliver: Callable[..., list[str]],
    s3: S3,
    worker: RecordUpdater,
    rekognition: FakeRekognition,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = s3.put("a.jpg", body="the same")
    assert deliver(before) == []
    changed = with_operation(worker, fingerprint="other settings")
    monkeypatch.setattr(recognize_images, "record_updater", lambda: changed)
    assert deliver(before) == []
    assert len(rekognition.calls) == 1
    assert deliver(s3.put("b.jpg", body="the same")) == []
    assert len(rekognition.calls) == 2


class RecordingSQS:
    """Records the handler's calls of SQS."""

    def __init__(self) -> None:
        self.hidden: list[int] = []
        self.queues: set[str] = set()
        """The names of the queues of hidden messages."""
        self.sent: list[dict[str, Any]] = []

    def change_message_visibility(self, *, QueueUrl: str, VisibilityTimeout: int, **_: Any) -> None:  # noqa: N803
        self.queues.add(QueueUrl.rpartition("/")[2])
        self.hidden.append(VisibilityTimeout)

    def send_message(self, **message: Any) -> None:
        self.sent.append(message)


@pytest.fixture
def sqs(worker: RecordUpdater, monkeypatch: pytest.MonkeyPatch) -> RecordingSQS:
    recording = RecordingSQS()
    monkeypatch.setattr(queue_consumer, "sqs", lambda: recording)
    return recording


def claim(worker: RecordUpdater, message: str, seconds: float) -> None:
    """Claim a message's content as another worker would, which then dies."""
    content = json.loads(message)["Records"][0]["s3"]["object"]
    body = boto3.client("s3").get_object(Bucket="images", Key=content["key"])["Body"].read()
    another(worker.recognizer.operation.paid_answers)._claim(
        f"{hashlib.sha256(body).hexdigest()}#{worker.recognizer.operation.fingerprint}", None, seconds
    )


@pytest.mark.parametrize("queue", ["queue", "removals"])
def test_a_waiting_message_is_hidden_in_its_own_queue_for_as_long_again_as_the_claim_is_old(
    s3: S3,
    worker: RecordUpdater,
    sqs: RecordingSQS,
    deliver: Callable[..., list[str]],
    rekognition: FakeRekognition,
    queue: str,
) -> None:
    message = s3.put("a.jpg")
    claim(worker, message, 18.5)  # of 30 seconds
    assert deliver(message, queue=queue) == ["0"]
    assert sqs.hidden == [13]
    assert sqs.queues == {queue}
    assert rekognition.calls == []


@pytest.mark.parametrize("queue", ["queue", "removals"])
def test_waiting_never_makes_a_dead_letter(
    s3: S3, worker: RecordUpdater, sqs: RecordingSQS, deliver: Callable[..., list[str]], queue: str
) -> None:
    """Every receive counts towards the queue's limit. So a message that has only waited is sent again before that."""
    message = s3.put("a.jpg")
    claim(worker, message, 18.5)
    assert deliver(message, receives=18, queue=queue) == []
    [sent] = sqs.sent
    assert sent["QueueUrl"].endswith(f"/{queue}")
    assert (sent["MessageBody"], sent["DelaySeconds"]) == (message, 13)


def test_a_failing_message_comes_back_later_each_time(
    s3: S3,
    sqs: RecordingSQS,
    context: Context,
    rekognition: FakeRekognition,
) -> None:
    rekognition.errors["a.jpg"] = "ThrottlingException"
    message = s3.put("a.jpg")
    for receives in (1, 2, 3, 12):
        recognize_images.handler(sqs_event(message, receives=receives), context)  # type: ignore[arg-type]
    first, second, third, last = sqs.hidden
    assert 2 <= first <= 5
    assert 5 <= second <= 10
    assert 10 <= third <= 20
    assert 450 <= last <= 900
    assert sqs.sent == []


def test_the_pictures_of_a_batch_are_recognised_in_parallel(
    deliver: Callable[..., list[str]],
    s3: S3,
    worker: RecordUpdater,
    rekognition: FakeRekognition,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    together = threading.Barrier(10)
    answer = rekognition.detect_labels

    def wait_for_the_others(**request: Any) -> Any:
        together.wait(60)  # breaks unless all ten calls are in progress at once
        return answer(**request)

    monkeypatch.setattr(rekognition, "detect_labels", wait_for_the_others)
    assert deliver(*[s3.put(f"{number}.jpg") for number in range(10)]) == []
