"""Each function has exactly the grants that it needs.

With all grants, a picture is stored, recognised, delivered and deleted. Without one of them, the step that needs it is
refused. When the grant is back, the waiting work is done, and Rekognition was asked once.
"""

import itertools
import json

import pytest
import requests

from common.runtime.abilities import ABILITIES
from common.runtime.abilities.enabled import as_metadata
from local.cloud import Cloud
from tests import partner_documents
from tests.e2e.conftest import System, wait_for
from tests.e2e.test_commands import sightline
from tests.e2e.test_nothing_lost import distinct_picture, notification
from tests.iam.conftest import Roles
from tests.source_server import Source, picture

SERIAL = itertools.count()
FUNCTIONS = ["GetSaveImage", "ImageRecognition", "ListImages", "Deliver", "DeliveriesApi", "SendEmail", "Thumbnails",
             "Gallery"]  # fmt: skip


@pytest.fixture
def name() -> str:
    """Return a name that no other test uses."""
    return f"picture {next(SERIAL)}.jpg"


def calls(system: System) -> int:
    return int(requests.get(f"{system.endpoints.rekognition}/stats", timeout=60).json().get("DetectLabels", 0))


def events(system: System, name: str) -> list[str]:
    return [partner_documents.read(document)["event"] for document in system.documents(name)]


def test_with_the_roles_as_they_are_the_whole_way_works(
    system: System, source: Source, cloud: Cloud, roles: Roles, name: str
) -> None:
    assert system.upload(f"{source.address}/photo.jpg", name).ok
    record = wait_for(lambda: system.image(name))
    assert record["status"] == "RECOGNIZED"
    assert requests.get(record["picture_url"], timeout=60).ok
    record = wait_for(lambda: (image := system.image(name)) and "thumbnail_url" in image and image)
    assert requests.get(record["thumbnail_url"], timeout=60).ok
    assert requests.get(f"{system.endpoints.gallery}/endpoints.json", timeout=60).ok
    assert name in system.images()
    wait_for(lambda: events(system, name) == ["image.recognized"])
    assert system.upload(f"{source.address}/photo.jpg", name).json()["message"].endswith("was stored already")
    assert system.upload(f"{source.address}/png", name).status_code == 409

    dynamodb, item = system.client("dynamodb"), {"TableName": system.endpoints.table, "Key": {"image": {"S": name}}}
    dead = notification(dynamodb.delete_item(**item, ReturnValues="ALL_OLD")["Attributes"])
    system.client("sqs").send_message(QueueUrl=system.queue("UploadedImageDeadLetters"), MessageBody=dead)
    assert "1 message moved back" in sightline(cloud, "redrive", "uploadedimage", "--yes").stdout
    wait_for(lambda: system.image(name))
    wait_for(lambda: events(system, name) == ["image.recognized"] * 2)

    [delivery] = json.loads(sightline(cloud, "deliveries", "--image", name, "--json").stdout)
    assert delivery["status"] == "DELIVERED"
    assert sightline(cloud, "replay", delivery["event_id"]).returncode == 0
    wait_for(lambda: events(system, name) == ["image.recognized"] * 3)

    system.s3().delete_object(Bucket=system.endpoints.bucket, Key=name)
    wait_for(lambda: events(system, name)[3:] == ["image.deleted"])
    assert dynamodb.get_item(**item)["Item"]["status"] == {"S": "DELETED"}
    wait_for(lambda: not requests.get(record["thumbnail_url"], timeout=60).ok)
    assert name not in system.images()
    wait_for(system.is_idle)
    assert {function: roles.denials(function) for function in FUNCTIONS} == {function: [] for function in FUNCTIONS}


@pytest.mark.parametrize("action", ["s3:PutObject", "s3:GetObject"])
def test_an_upload_without_a_grant_is_an_internal_error_and_works_again(
    system: System, source: Source, roles: Roles, name: str, action: str
) -> None:
    """The function uses GetObject only if the name is taken."""
    if action == "s3:GetObject":
        assert system.upload(f"{source.address}/photo.jpg", name).ok
    with roles.without("GetSaveImage", action):
        refused = system.upload(f"{source.address}/photo.jpg", name)
        assert (refused.status_code, refused.json()["error"]["code"]) == (500, "InternalError")
        wait_for(lambda: roles.denials("GetSaveImage"))
    assert system.upload(f"{source.address}/photo.jpg", name).ok
    wait_for(lambda: system.image(name))


@pytest.mark.parametrize(
    ("actions", "path"),
    [
        (["dynamodb:Query"], "?limit=1"),
        (["dynamodb:Query"], "/search?label=Red"),
        (["dynamodb:GetItem"], "/images?name=a.jpg"),
    ],
)
def test_a_read_without_a_grant_is_an_internal_error(
    system: System, roles: Roles, actions: list[str], path: str
) -> None:
    def read() -> int:
        return requests.get(system.endpoints.labels + path, headers=system.headers, timeout=60).status_code

    works = read()
    assert works in {200, 404}
    with roles.without("ListImages", *actions):
        assert read() == 500
        wait_for(lambda: roles.denials("ListImages"))
    assert read() == works


def test_a_list_that_hides_pictures_needs_the_permission_to_read_their_records(
    system: System, roles: Roles, name: str
) -> None:
    """tests/infrastructure/test_abilities.py shows that the permission exists only with `hide_moderated`."""

    def read() -> int:
        return requests.get(system.endpoints.labels, headers=system.headers, timeout=30).status_code

    system.s3().put_object(Bucket=system.endpoints.bucket, Key=name, Body=distinct_picture())
    wait_for(lambda: system.image(name))
    assert read() == 200
    with roles.without("ListImages", "dynamodb:BatchGetItem"):
        assert read() == 500
    assert read() == 200


def test_a_presigned_url_opens_only_what_its_signer_may_read(system: System, roles: Roles, name: str) -> None:
    system.s3().put_object(Bucket=system.endpoints.bucket, Key=name, Body=distinct_picture())
    address = wait_for(lambda: system.image(name))["picture_url"]
    with roles.without("ListImages", "s3:GetObject", "s3:GetObjectVersion"):
        assert requests.get(address, timeout=60).status_code == 403
    assert requests.get(address, timeout=60).ok


@pytest.fixture
def impatient(system: System) -> None:
    """An invocation that failed as a whole comes back after seconds, not after six times its timeout."""
    for queue in ("UploadedImageQueue", "RemovedImageQueue", "LabelsQueue", "IndexQueue"):
        system.client("sqs").set_queue_attributes(QueueUrl=system.queue(queue), Attributes={"VisibilityTimeout": "5"})


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    ("function", "actions", "recorded"),
    [
        ("ImageRecognition", ["s3:GetObject", "s3:GetObjectVersion"], False),
        ("ImageRecognition", ["dynamodb:GetItem"], False),
        ("ImageRecognition", ["dynamodb:UpdateItem"], False),
        ("ImageRecognition", ["dynamodb:PutItem"], False),
        ("ImageRecognition", ["sns:Publish"], True),
        ("Deliver", ["ssm:GetParameter"], True),
        ("Deliver", ["secretsmanager:GetSecretValue"], True),
    ],
)
def test_work_without_a_grant_waits_until_the_grant_is_back(
    system: System, roles: Roles, name: str, function: str, actions: list[str], recorded: bool
) -> None:
    before, denied = calls(system), len(roles.denials(function))
    with roles.without(function, *actions):
        roles.renew(function)  # Deliver remembers the address and the secret for a minute
        system.s3().put_object(Bucket=system.endpoints.bucket, Key=name, Body=distinct_picture())
        wait_for(lambda: len(roles.denials(function)) > denied)
        assert (system.image(name) is not None) == recorded
        assert events(system, name) == []
    assert wait_for(lambda: system.image(name))["status"] == "RECOGNIZED"
    wait_for(lambda: "image.recognized" in events(system, name))
    wait_for(system.is_idle)
    assert calls(system) - before == 1
    assert system.depth("UploadedImageDeadLetters") + system.depth("LabelsDeadLetters") == 0


def requests_of(system: System, operation: str) -> int:
    """Return how many requests of an operation Rekognition has answered or refused."""
    stats = requests.get(f"{system.endpoints.rekognition}/stats", timeout=60).json()
    return int(stats.get(operation, 0) + sum(stats["refused"].get(operation, {}).values()))


@pytest.mark.parametrize("ability", ABILITIES)
def test_an_enabled_ability_needs_the_permission_of_its_operation(
    system: System, roles: Roles, name: str, ability: str
) -> None:
    operation = ABILITIES[ability].operation
    before = requests_of(system, operation)
    system.s3().put_object(
        Bucket=system.endpoints.bucket, Key=name, Body=distinct_picture(), Metadata=as_metadata([ability])
    )
    assert set(wait_for(lambda: system.image(name))["abilities"]) == {ability}
    assert requests_of(system, operation) == before + 1
    assert roles.may("ImageRecognition", f"rekognition:{operation}")
    assert not roles.may("Thumbnails", f"rekognition:{operation}")
    with roles.without("ImageRecognition", f"rekognition:{operation}"):
        assert not roles.may("ImageRecognition", f"rekognition:{operation}")


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    "actions", [["dynamodb:GetItem"], ["dynamodb:PutItem"], ["dynamodb:UpdateItem"], ["s3:PutObject"]]
)
def test_derived_data_without_a_grant_appear_when_the_grant_is_back(
    system: System, roles: Roles, name: str, actions: list[str]
) -> None:
    def found() -> bool:
        address = f"{system.endpoints.labels}/search?label=Red&limit=1000"
        return name in [entry["image"] for entry in requests.get(address, headers=system.headers, timeout=60).json()]

    denied = len(roles.denials("Project"))
    with roles.without("Project", *actions):
        system.s3().put_object(
            Bucket=system.endpoints.bucket, Key=name, Body=picture(color="red", size=(100 + next(SERIAL), 90))
        )
        wait_for(lambda: len(roles.denials("Project")) > denied)
        assert system.depth("IndexQueue") == 1
    wait_for(found)
    wait_for(system.is_idle)
    assert system.depth("IndexDeadLetters") == 0
