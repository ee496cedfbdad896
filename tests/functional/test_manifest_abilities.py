"""Lines of manifests ask for abilities."""

import boto3
import pytest

from tests.functional.test_manifests import Intake, intake_fixture, source_fixture  # noqa: F401 - fixtures
from tests.source_server import Source, picture


def test_lines_ask_for_abilities_and_only_for_enabled_ones(
    intake: Intake, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    boto3.client("s3").put_object(Bucket="archive", Key="c.jpg", Body=picture())
    monkeypatch.setenv("ABILITY_NAMES", "text,faces")
    host = source.address
    lines = [f"{host}/photo.jpg,a.jpg,text", f"{host}/photo.jpg,b.jpg,", "s3://archive/c.jpg,c.jpg,text faces"]
    intake.drop("list.csv", "\n".join(["url,name,abilities", *lines, f"{host}/photo.jpg,d.jpg,moderation"]))
    intake.run()
    report = intake.report("list.csv")
    assert (report["stored"], report["failed"]) == (3, [])
    [rejected] = report["rejected"]
    assert rejected == {"line": 5, "reason": "the ability moderation is not enabled; enabled are text, faces"}
    assert asked(intake.images) == {"a.jpg": "text", "b.jpg": None, "c.jpg": "faces,text"}


def test_the_metadata_of_a_manifest_ask_for_all_of_its_lines(
    intake: Intake, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ABILITY_NAMES", "text,faces")
    content = f"{source.address}/photo.jpg,a.jpg\n{source.address}/photo.jpg?red,b.jpg\n"
    intake.drop("list.csv", content)
    intake.run()
    intake.drop("list.csv", content, abilities="faces")
    intake.run()
    assert intake.report("list.csv")["stored"] == 2  # again, because nobody asked for faces before
    assert asked(intake.images) == {"a.jpg": "faces", "b.jpg": "faces"}
    intake.drop("list.csv", content, abilities="moderation")
    intake.run()
    assert {each["line"] for each in intake.report("list.csv")["rejected"]} == {1, 2}


def asked(bucket: str) -> dict[str, str | None]:
    """Return the abilities that each object asks for."""
    s3 = boto3.client("s3")
    keys = [each["Key"] for each in s3.list_objects_v2(Bucket=bucket)["Contents"]]
    return {key: s3.head_object(Bucket=bucket, Key=key)["Metadata"].get("abilities") for key in keys}
