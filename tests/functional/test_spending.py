"""Workers together spend no more than the budget. Pictures that wait for a budget come back automatically."""

import dataclasses
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from typing import Any, ClassVar

import boto3
import pytest
from botocore.exceptions import ClientError, HTTPClientError

from common.runtime import caches
from common.runtime.aws_clients import client
from recognition.runtime import enforce_budget, list_images, recognize_images
from recognition.runtime.records.image_records import ImageRecord
from recognition.runtime.records.record_updater import RecordUpdater
from recognition.runtime.spending import monthly_usage
from recognition.runtime.spending.monthly_usage import AbilityUsage, OverBudgetError, UsageTable
from tests.counted import COUNTED
from tests.functional.atomic_counts import Atomic
from tests.functional.conftest import Answer, Context, emitted, failed, kinds, sqs_event
from tests.functional.fake_rekognition import FakeRekognition, with_operation
from tests.functional.s3_bucket import S3

THROTTLED = ClientError({"Error": {"Code": "ThrottlingException", "Message": "m"}}, "DetectLabels")


@pytest.fixture
def today(monkeypatch: pytest.MonkeyPatch) -> Callable[[int, int], None]:
    """Set the day of 2026."""

    def turn(month: int, day: int) -> None:
        class Today(datetime):
            @classmethod
            def now(cls, tz: Any = None) -> "Today":
                return cls(2026, month, day, 23, 59, tzinfo=tz)

        monkeypatch.setattr(monthly_usage, "datetime", Today)

    turn(11, 21)
    return turn


@pytest.fixture
def spending(tables: dict[str, str], today: Callable[[int, int], None]) -> Callable[[str], UsageTable]:
    """The table, as a worker with this budget sees it."""
    return lambda dollars: UsageTable(tables["usage"], Decimal(dollars))


def counted(table: UsageTable) -> tuple[int, int]:
    month = table.this_month()
    return month.calls, month.cache_hits


def test_many_workers_at_once_make_exactly_the_calls_that_the_budget_pays_for(
    spending: Callable[[str], UsageTable],
) -> None:
    table: Any = Atomic()
    workers = [dataclasses.replace(spending("0.025"), dynamodb=table, without_retries=table) for _ in range(8)]
    together, made = threading.Barrier(8), []

    def work(worker: UsageTable) -> int:
        together.wait(60)
        refused = 0
        for _ in range(8):
            try:
                with worker.count_call():
                    made.append(1)
            except OverBudgetError:
                refused += 1
        return refused

    with ThreadPoolExecutor(8) as pool:
        refused = sum(pool.map(work, workers))
    assert (len(made), refused, counted(spending("0"))) == (25, 39, (25, 0))


def test_a_refused_call_is_given_back_and_a_dead_workers_is_not(spending: Callable[[str], UsageTable]) -> None:
    class DeadError(BaseException):
        """The worker is gone."""

    worker = spending("0.002")
    for _ in range(3):
        with pytest.raises(ClientError), worker.count_call():
            raise THROTTLED
        with pytest.raises(ClientError), worker.count_call("text"):
            raise THROTTLED
    assert counted(worker) == (0, 0)
    assert worker.this_month().abilities == {"text": AbilityUsage(0, 0, 0, 0)}
    with pytest.raises(DeadError), worker.count_call():
        raise DeadError
    assert counted(worker) == (1, 0)


def test_a_call_that_cannot_be_counted_is_not_made(spending: Callable[[str], UsageTable]) -> None:
    nowhere = dataclasses.replace(spending("0"), table="nowhere")
    with pytest.raises(ClientError, match="ResourceNotFound"), nowhere.count_call():
        pytest.fail("it was made")
    nowhere.count_cache_hit()  # which is no reason to fail


def test_the_next_month_has_a_budget_of_its_own_and_a_raised_one_counts_at_once(
    spending: Callable[[str], UsageTable], today: Callable[[int, int], None]
) -> None:
    def spend(worker: UsageTable) -> None:
        with suppress(OverBudgetError):
            while True:
                with worker.count_call():
                    pass

    today(11, 30)
    spend(spending("0.002"))
    spend(spending("0.005"))
    assert counted(spending("0")) == (5, 0)
    today(12, 1)
    spend(spending("0.003"))
    assert counted(spending("0")) == (3, 0)
    assert spending("0").last_month().calls == 5


class Silent(BaseHTTPRequestHandler):
    """Takes requests and ends the connection without an answer."""

    taken: ClassVar[list[str]] = []

    def do_POST(self) -> None:
        self.taken.append(self.path)
        self.rfile.read(int(self.headers["Content-Length"]))
        self.close_connection = True

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def silent() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Silent) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_a_request_without_an_answer_counts_each_time_it_is_sent(
    spending: Callable[[str], UsageTable], silent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody knows whether it is billed."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_REKOGNITION", silent)
    monkeypatch.setattr("botocore.endpoint.time", SimpleNamespace(sleep=lambda seconds: None))
    worker = spending("0")
    rekognition = worker.count_unanswered(client("rekognition"))
    with pytest.raises(HTTPClientError), worker.count_call():
        rekognition.detect_labels(Image={"Bytes": b"x"})
    labels = len(Silent.taken)
    assert labels > 1
    rekognition = worker.count_unanswered(client("rekognition"), "DetectText", "text")
    with pytest.raises(HTTPClientError), worker.count_call("text"):
        rekognition.detect_text(Image={"Bytes": b"x"})
    assert counted(worker) == (len(Silent.taken), 0)
    assert worker.this_month().abilities["text"].calls == len(Silent.taken) - labels


@pytest.fixture
def worker_with(worker: RecordUpdater, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Give the worker a budget."""

    def given(dollars: str) -> None:
        table: Any = Atomic()
        made = with_operation(
            worker, usage=UsageTable(worker.recognizer.operation.usage.table, Decimal(dollars), table, table)
        )
        monkeypatch.setattr(recognize_images, "record_updater", lambda: made)

    return given


def test_pictures_over_the_budget_wait_and_are_recognised_when_it_was_raised(
    deliver: Callable[..., list[str]],
    worker: RecordUpdater,
    worker_with: Callable[[str], None],
    s3: S3,
    rekognition: FakeRekognition,
    records: Callable[[str], ImageRecord | None],
) -> None:
    worker_with("0.003")
    messages = [s3.put(f"{number}.jpg") for number in range(6)]
    waiting = deliver(*messages)
    assert (len(waiting), len(rekognition.calls)) == (3, 3)
    assert not any(records(f"{number}.jpg") for number in waiting)
    [known, *_] = set("012345") - set(waiting)
    assert deliver(s3.put("again.jpg", body=f"{known}.jpg"), s3.delete(f"{known}.jpg")) == []  # costs nothing
    worker_with("0.006")
    assert deliver(*messages) == []
    assert len(rekognition.calls) == 6
    assert all(records(f"{number}.jpg") for number in [*range(6), "again"])
    assert counted(worker.recognizer.operation.usage)[0] == 6


def test_an_answer_that_is_found_counts_as_saved(
    deliver: Callable[..., list[str]],
    worker_with: Callable[[str], None],
    s3: S3,
    call: Callable[..., Answer],
    reader: None,
) -> None:
    worker_with("0")
    assert deliver(*[s3.put(f"{number}.jpg", body="the same") for number in range(4)]) == []
    shown = call(list_images.handler, "GET", "/usage")
    assert shown.status == 200
    expected = {"calls": 1, "cache_hits": 3, "cost_usd": 0.001, "saved_usd": 0.003}
    assert shown.document.items() >= {**expected, "budget_usd": None, "paused": False}.items()
    assert shown.document["days"][0].items() >= expected.items()
    assert len(shown.document["days"]) == 31


def test_waiting_for_a_budget_never_makes_a_dead_letter(
    worker_with: Callable[[str], None], s3: S3, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker_with("0.001")
    used, waiting = s3.put("used.jpg"), s3.put("waiting.jpg")
    assert failed(dict(recognize_images.handler(sqs_event(used), context))) == []  # type: ignore[arg-type]
    assert failed(dict(recognize_images.handler(sqs_event(waiting, receives=18), context))) == []  # type: ignore[arg-type]
    url = boto3.client("sqs").get_queue_url(QueueName="queue")["QueueUrl"]
    delayed = boto3.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert delayed["ApproximateNumberOfMessagesDelayed"] == "1"


@pytest.fixture
def reader(tables: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment that the List Images Service needs for `GET /usage`."""
    for name in (
        "CLASSIFICATIONS_TABLE",
        "LABEL_INDEX_TABLE",
        "LABEL_COUNTS_TABLE",
        "IMAGE_BUCKET",
        "RENDITIONS_BUCKET",
        "RENDITION_INDEX_TABLE",
    ):
        monkeypatch.setenv(name, "none")
    monkeypatch.setenv("USAGE_TABLE", tables["usage"])


def test_a_months_usage_is_shown_by_its_days(
    spending: Callable[[str], UsageTable],
    today: Callable[[int, int], None],
    call: Callable[..., Answer],
    reader: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MONTHLY_BUDGET_USD", "12.5")
    for month, day in ((10, 31), (11, 1), (11, 1), (11, 30)):
        today(month, day)
        with spending("0").count_call():
            pass
        spending("0").count_cache_hit()
    shown = call(list_images.handler, "GET", "/usage").document
    assert (shown["month"], shown["calls"], shown["budget_usd"]) == ("2026-11", 3, 12.5)
    assert "abilities" not in shown
    assert "abilities" not in shown["days"][0]
    days = [(entry["day"], entry["calls"], entry["cache_hits"]) for entry in shown["days"] if entry["calls"]]
    assert days == [("2026-11-30", 1, 1), ("2026-11-01", 2, 2), ("2026-10-31", 1, 1)]
    before = call(list_images.handler, "GET", "/usage", query={"month": "2026-10"}).document
    assert (before["month"], before["calls"], len(before["days"])) == ("2026-10", 1, 31)
    assert call(list_images.handler, "GET", "/usage", query={"month": "2027-02"}).document["days"] == []
    for wrong in ("2026-13", "2026-1", "november", ""):
        assert call(list_images.handler, "GET", "/usage", query={"month": wrong}).status == 400


@dataclasses.dataclass
class Functions:
    """Lambda's side of the event source mapping. It may refuse a change once."""

    state: str = "Enabled"
    refuses: bool = False

    def get_event_source_mapping(self, *, UUID: str) -> dict[str, str]:  # noqa: N803
        assert UUID == "mapping"
        return {"State": self.state}

    def update_event_source_mapping(self, *, UUID: str, Enabled: bool) -> None:  # noqa: N803
        assert UUID == "mapping"
        if self.refuses:
            self.refuses = False
            raise ClientError({"Error": {"Code": "ResourceInUseException", "Message": "m"}}, "Update")
        self.state = "Enabled" if Enabled else "Disabled"


@dataclasses.dataclass
class Minute:
    """`enforce_budget`, as it runs every minute."""

    functions: Functions
    monkeypatch: pytest.MonkeyPatch

    def run(self, dollars: str) -> str:
        """Run with this budget. Returns the mapping's state."""
        self.monkeypatch.setenv("MONTHLY_BUDGET_USD", dollars)
        caches.clear_all()
        enforce_budget.handler({}, Context())  # type: ignore[arg-type]
        return self.functions.state


@pytest.fixture
def minute(spending: Callable[[str], UsageTable], monkeypatch: pytest.MonkeyPatch) -> Minute:
    """`enforce_budget`, in a month in which two calls were made."""
    for _ in range(2):
        with spending("0").count_call():
            pass
    monkeypatch.setenv("USAGE_TABLE", spending("0").table)
    monkeypatch.setenv("EVENT_SOURCE_MAPPING", "mapping")
    monkeypatch.setenv("IS_WATCHED", "true")
    functions = Functions()
    monkeypatch.setattr(enforce_budget, "client", {"lambda": functions}.get)
    return Minute(functions, monkeypatch)


def test_the_queue_is_read_until_the_budget_is_used_up_and_again_when_there_is_one(
    minute: Minute, today: Callable[[int, int], None], spending: Callable[[str], UsageTable]
) -> None:
    assert minute.run("0") == "Enabled"  # no budget
    assert minute.run("0.003") == "Enabled"
    assert not spending("0").is_paused()
    assert [minute.run("0.002"), minute.run("0.002")] == ["Disabled", "Disabled"]
    assert spending("0").is_paused()
    assert minute.run("0.003") == "Enabled"  # raised
    assert not spending("0").is_paused()
    assert [minute.run("0.002"), minute.run("0.0")] == ["Disabled", "Enabled"]  # removed
    assert minute.run("0.002") == "Disabled"
    today(12, 1)  # the month has turned
    assert minute.run("0.002") == "Enabled"


def test_a_mapping_that_an_operator_disabled_stays_disabled(minute: Minute) -> None:
    minute.functions.state = "Disabled"
    assert [minute.run(dollars) for dollars in ("0.002", "0.003", "0")] == ["Disabled"] * 3


def test_the_next_run_completes_a_failed_one(minute: Minute) -> None:
    for dollars, state in (("0.002", "Disabled"), ("0.003", "Enabled")):
        minute.functions.refuses = True
        with pytest.raises(ClientError):
            minute.run(dollars)
        assert minute.run(dollars) == state
    assert minute.run("0.002") == "Disabled"
    minute.functions.state = "Enabling"  # for example by a deployment. Lambda refuses changes until this state ends
    assert minute.run("0.003") == "Enabling"
    minute.functions.state = "Disabled"
    assert minute.run("0.003") == "Enabled"


def test_spending_is_reported_to_cloudwatch(minute: Minute, capsys: pytest.CaptureFixture[str]) -> None:
    for dollars, exceeded in (("0.002", 1), ("0.003", 0)):
        minute.run(dollars)
        told = emitted(capsys)
        assert told == {("MonthlyCalls",): [2], ("MonthlyCost",): [0.002], ("BudgetExceeded",): [exceeded]}
        assert kinds(told) == COUNTED["enforce_budget"]


def test_metrics_that_nothing_watches_are_not_written(
    minute: Minute, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("IS_WATCHED", "false")
    assert minute.run("0") == "Enabled"
    assert emitted(capsys) == {}
