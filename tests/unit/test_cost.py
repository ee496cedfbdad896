import io
import json
import re
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from cli import account
from cli.commands import cost as command
from cli.cost.amounts import MAX_IMAGE_BYTES, AmountError, read_count, read_size
from cli.cost.bill import bill, idle_bill
from cli.deployed_settings import settings_in_force
from common.prices import cost_of
from common.receiver_settings import Receiver
from common.runtime.recognition_event import Box, Instance, Label
from common.setting_types import SettingsError
from common.settings import Settings
from recognition.runtime.records.image_records import ImageRecord, to_item
from tests.conftest import ROOT

US = Settings(region="us-east-1")


@pytest.mark.parametrize(
    ("text", "number"), [("1e6", 1_000_000), ("1_000_000", 1_000_000), ("1,000,000", 1_000_000), ("7", 7)]
)
def test_numbers_of_images_are_read_as_people_write_them(text: str, number: int) -> None:
    assert read_count(text) == number


@pytest.mark.parametrize("text", ["", "many", "0", "-5", "1.5", "nan", "inf", "1e13", "1e6 images"])
def test_any_other_number_of_images_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(AmountError, match="such as 250000, 250_000 or 1e6"):
        read_count(text)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("300kB", 300_000),
        ("300 KB", 300_000),
        ("2MB", 2_000_000),
        ("1.5MB", 1_500_000),
        ("2MiB", 2_097_152),
        ("42", 42),
    ],
)
def test_sizes_are_read_with_their_units(text: str, number: int) -> None:
    assert read_size(text) == number


@pytest.mark.parametrize("text", ["", "big", "3GB", "-1kB", "0", "600MB", "1.2.3MB", "kB", "1e99kB"])
def test_any_other_size_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(AmountError, match=r"write .*, such as 300kB or 1\.5MB"):
        read_size(text)


def test_the_largest_size_is_the_largest_that_the_settings_allow() -> None:
    megabytes = MAX_IMAGE_BYTES // 1024**2
    assert Settings(max_image_megabytes=megabytes).max_image_megabytes == megabytes
    with pytest.raises(SettingsError):
        Settings(max_image_megabytes=megabytes + 1)


def cost(service: str, images: int = 1_000_000, settings: Settings = US) -> float:
    return sum(line.cost for line in bill(images, 300_000, settings) if line.service == service)


def test_rekognition_is_most_of_the_bill_and_has_tiers() -> None:
    total = sum(line.cost for line in bill(1_000_000, 300_000, US))
    assert cost("Rekognition") == 1000
    assert 1000 < total < 1150
    assert cost("Rekognition", 2_000_000) == 1800


def with_abilities(abilities: Any) -> Settings:
    return Settings.from_context({"region": "us-east-1", "abilities": abilities})


def test_each_ability_is_one_more_call_for_each_picture_and_shares_the_tiers() -> None:
    enabled = with_abilities({"text": {"when": "always"}, "faces": {"when": "asked"}})
    lines = [line for line in bill(1_000_000, 300_000, enabled) if line.service == "Rekognition"]
    assert [line.item for line in lines] == [
        "DetectLabels, new contents",
        "DetectText, new contents",
        "DetectFaces, at most",
    ]
    assert [line.count for line in lines] == [1_000_000] * 3
    assert sum(line.cost for line in lines) == pytest.approx(float(cost_of(3_000_000)))
    assert len({line.cost for line in lines}) == 1
    assert cost("DynamoDB", settings=enabled) > cost("DynamoDB")
    slow = with_abilities({"text": {"when": "always", "calls_per_second": 2}})
    assert "takes 139 hours at 2 calls a second" in shown(1_000_000, 300_000, slow)
    assert max(map(len, shown(1_000_000, 300_000, enabled).splitlines())) <= 80


def test_abilities_are_read_from_the_command_line() -> None:
    found = settings_in_force(ROOT / "cdk.json", ['abilities={"text": {"when": "always"}}'])
    assert [line.item for line in bill(1, 1, found)][:2] == ["DetectLabels, new contents", "DetectText, new contents"]


def test_settings_change_the_bill() -> None:
    pets = Receiver(name="pets", url_parameter="p")
    two = Settings(region="us-east-1", receivers=(Receiver(name="thirdparty", url_parameter="t"), pets))
    assert cost("Secrets Manager", settings=two) == 2 * cost("Secrets Manager")
    assert cost("SQS", settings=two) > cost("SQS")
    assert cost("Lambda", settings=Settings(architecture="x86_64")) > cost("Lambda")
    assert cost("DynamoDB", settings=Settings(max_labels=20)) > 1.8 * cost("DynamoDB")
    assert cost("CloudWatch", settings=Settings(log_retention_days=365)) > cost("CloudWatch")


def test_settings_are_those_of_cdk_json_with_the_changes_of_the_command_line(tmp_path: Path) -> None:
    path = tmp_path / "cdk.json"
    path.write_text('{"context": {"max_labels": 7, "auth": "iam"}}')
    found = settings_in_force(path, ["max_labels=5", "region=eu-west-1"])
    assert (found.max_labels, found.auth, found.region) == (5, "iam", "eu-west-1")
    with pytest.raises(SettingsError, match="name=value"):
        settings_in_force(path, ["max_labels"])


@pytest.mark.parametrize("name", ["budget", "max_lables", "Auth"])
def test_an_unknown_setting_is_refused_even_if_no_other_has_a_similar_name(tmp_path: Path, name: str) -> None:
    """Without an error, a budget under a wrong name would be no budget."""
    path = tmp_path / "cdk.json"
    path.write_text(
        json.dumps({"context": {"@aws-cdk/core:x": 1, "aws-cdk:y": 2, "acknowledged-issue-numbers": [], name: 50}})
    )
    with pytest.raises(SettingsError, match=f"there is no setting '{name}'; "):
        settings_in_force(path, [])


def test_records_are_no_larger_than_estimated() -> None:
    """The record has ten labels, each with parents, half of them with boxes. Its size is computed by DynamoDB's
    rules."""
    box = Instance(confidence=98.87654, box=Box(left=0.3512345, top=0.1612345, width=0.1812345, height=0.1812345))
    labels = tuple(
        Label(
            name=f"Thing number {number}", confidence=98.87654, parents=("Animal", "Mammal"),
            categories=("Animals and Pets",), instances=(box,) if number % 2 else (),
        )
        for number in range(10)
    )  # fmt: skip
    record = ImageRecord(
        image="holiday/red flower.jpg", image_id="edc67796-1be9-5d95-9291-4e780fc65789", status="RECOGNIZED",
        bucket="apistack-imagebucket97210811-d66cacf49cdbd", sequencer="0" * 64, uploaded_at="2026-11-20T09:30:00.123Z",
        recognized_at="2026-11-20T09:30:01.456Z", fingerprint="f" * 64, model="3.0", labels=labels,
    )  # fmt: skip
    [units] = [line.count for line in bill(1, 300_000, US) if line.item == "record"]
    assert measured(to_item(record)) / 1024 <= units - 1  # one is the list's


def measured(value: object) -> float:
    """Return bytes by DynamoDB's rules: half a byte for a digit; three for a container, and one for each entry."""
    if isinstance(value, dict) and len(value) == 1 and (kind := next(iter(value))) in {"S", "N", "L", "M", "B", "BOOL"}:
        content = value[kind]
        if kind == "N":
            return len(content) / 2 + 1
        if kind == "L":
            return 3 + sum(1 + measured(entry) for entry in content)
        if kind == "M":
            return 3 + sum(1 + len(name.encode()) + measured(entry) for name, entry in content.items())
        return len(content.encode()) if isinstance(content, str) else 1
    assert isinstance(value, dict)
    return sum(len(name.encode()) + measured(entry) for name, entry in value.items())


def shown(images: int, image_bytes: int, settings: Settings) -> str:
    """Return the output at 80 columns."""
    text = io.StringIO()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(command, "out", Console(file=text, width=80, soft_wrap=True, highlight=False))
        command.show(images, image_bytes, settings)
    return "".join(f"{line.rstrip()}\n" for line in text.getvalue().splitlines())


def idle_dollars(settings: Settings) -> tuple[float, float]:
    """Return the cost by list price, and with the free tier."""
    lines = idle_bill(settings)
    return sum(line.cost for line in lines), sum(line.free_tier_cost for line in lines)


def test_by_default_an_idle_deployment_costs_at_most_four_dollars_and_two_and_a_half_with_the_free_tier() -> None:
    """The queue of removals costs $0.46 of that: docs/decisions/0023-few-alarms-and-few-workers.md."""
    default = settings_in_force(ROOT / "cdk.json", [])
    listed, paid = idle_dollars(default)
    assert 0 < paid <= 2.5
    assert paid < listed <= 4
    assert set(idle_bill(default)) <= set(bill(1, 1, default))


def test_the_free_tier_pays_for_no_more_than_its_amounts() -> None:
    alarms, dashboards, secrets = idle_bill(Settings(monitoring="full"))[-3:]
    assert (alarms.count, round(alarms.free_tier_cost, 2)) == (54, 4.4)
    assert (dashboards.count, dashboards.free_tier_cost) == (3, 0)
    assert (secrets.count, secrets.free_tier_cost) == (1, 0.4)


def test_the_documents_show_what_is_printed() -> None:
    default = settings_in_force(ROOT / "cdk.json", ["region=us-east-1"])
    printed, document = shown(1_000_000, 300_000, default), (ROOT / "docs/cost.md").read_text()
    assert f"```\n{printed}```" in document, printed
    rows = re.findall(r"^\| (the default|`(.+=.+)`) \| \$([\d.]+) \| \$([\d.]+) \|$", document, re.MULTILINE)
    assert len(rows) > 1
    for _, change, *written in rows:
        dollars = idle_dollars(settings_in_force(ROOT / "cdk.json", [change] if change else []))
        assert [f"{amount:.2f}" for amount in dollars] == written, change
    listed, paid = idle_dollars(default)
    idle_line = f"An idle deployment costs ${listed:.2f} a month at list prices, ${paid:.2f} with the free tier"
    assert idle_line in " ".join((ROOT / "README.md").read_text().split())


def test_the_region_is_that_of_make_deploy(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A deployment in us-east-1 may call ten times as often as one elsewhere."""
    monkeypatch.setattr(account, "region", lambda setting: (setting or "us-west-2", "the default"))
    command.command(context=[])
    assert "at 50 calls a second in us-west-2" in capsys.readouterr().out
    command.command(context=["region=eu-west-2"])
    assert "at 5 calls a second in eu-west-2" in capsys.readouterr().out


def test_the_estimate_ends_with_the_total_the_time_and_a_hint_about_other_regions() -> None:
    text = shown(1_000_000, 300_000, Settings(region="eu-central-1"))
    assert "Total: $1,1" in text
    assert "after a year, they cost $164.48 a month" in text  # with backups
    assert "takes 55.6 hours at 5 calls a second in eu-central-1" in text
    assert "eu-central-1 has others" in text
    assert max(map(len, text.splitlines())) <= 80
