"""A picture that is deleted permanently disappears at once, although uploads wait for Rekognition."""

from collections.abc import Iterator

import pytest
import requests
from playwright.sync_api import expect

from tests.e2e.conftest import System, wait_for
from tests.e2e.gallery.samples import plain, put, search, store, with_dog
from tests.e2e.gallery.visit import Visit


def rehearse_outage(system: System, outage: bool) -> None:
    address = f"{system.endpoints.rekognition}/rehearsal"
    requests.post(address, json={"outage": outage}, timeout=60).raise_for_status()


@pytest.fixture
def outage(system: System) -> Iterator[None]:
    """Take Rekognition down until the test ends."""
    wait_for(system.is_idle)
    rehearse_outage(system, True)
    yield
    rehearse_outage(system, False)


def delete_for_good(system: System, name: str) -> None:
    s3, bucket = system.s3(), system.endpoints.bucket
    listed = s3.list_object_versions(Bucket=bucket, Prefix=name)["Versions"]
    objects = [{"Key": name, "VersionId": version["VersionId"]} for version in listed]
    s3.delete_objects(Bucket=bucket, Delete={"Objects": objects})


@pytest.fixture
def dog(system: System, added: list[str]) -> str:
    """Store a picture, and wait until the search finds it."""
    name = "gallery-removals/dog.jpg"
    added.append(name)
    store(system, {name: with_dog("blue")})
    wait_for(lambda: name in search(system, label="dog"))
    return name


def test_a_picture_deleted_for_good_is_gone_while_uploads_wait(
    visit: Visit, system: System, added: list[str], dog: str, outage: None
) -> None:
    waiting = {f"gallery-removals/{number}.jpg": plain("red") + bytes([number]) for number in range(25)}
    added += waiting
    put(system, waiting)
    wait_for(lambda: system.depth("UploadedImageQueue") == len(waiting))
    visit.open()
    expect(visit.tile(dog)).to_have_count(1)

    delete_for_good(system, dog)
    wait_for(lambda: system.image(dog) is None and dog not in system.images())
    wait_for(lambda: dog not in search(system, label="dog"))
    visit.open()
    expect(visit.tile(dog)).to_have_count(0)
    assert system.depth("UploadedImageQueue") == len(waiting)
    wait_for(lambda: system.depth("RemovedImageQueue") == 0)
