"""Sample pictures that the embedded cloud's hand-made models know, and steps that store, find and delete pictures."""

from collections.abc import Iterable, Mapping
from typing import Any

import requests
from PIL import Image, ImageDraw

from tests.e2e.conftest import System, wait_for
from tests.picture_files import encoded


def plain(colour: str) -> bytes:
    """Return a picture of one colour. The models recognise the colour."""
    return encoded(_plain(colour))


def with_dog(colour: str) -> bytes:
    """Return a picture with a bright spot. The models recognise the spot as a dog."""
    image = _plain(colour)
    ImageDraw.Draw(image).rectangle((80, 60, 199, 179), fill="white")
    return encoded(image)


def _plain(colour: str) -> Image.Image:
    return Image.new("RGB", (400, 300), colour)


SHARED = {
    "gallery/green dog.jpg": with_dog("green"),
    "gallery/green.jpg": plain("green"),
    "gallery/red dog.jpg": with_dog("red"),
    "gallery/red.jpg": plain("red"),
}
"""The pictures of the fixture `pictures`."""


def put(system: System, files: Mapping[str, bytes]) -> None:
    """Put files into the bucket."""
    for name, content in files.items():
        system.s3().put_object(Bucket=system.endpoints.bucket, Key=name, Body=content)


def store(system: System, files: Mapping[str, bytes]) -> None:
    """Put files into the bucket, and wait until all are recognised."""
    put(system, files)
    wait_for(lambda: system.images().keys() >= files.keys())


def remove(system: System, names: Iterable[str]) -> None:
    """Delete pictures, and wait until lists and searches no longer have them: other tests count the pictures."""
    names = set(names)
    for name in names:
        system.s3().delete_object(Bucket=system.endpoints.bucket, Key=name)
    wait_for(lambda: not system.images().keys() & names and system.is_idle())


def content_of(system: System, name: str) -> bytes:
    """Return the bytes of a stored picture."""
    content: bytes = system.s3().get_object(Bucket=system.endpoints.bucket, Key=name)["Body"].read()
    return content


def search(system: System, **query: Any) -> list[str]:
    """Return the names of the pictures that the service finds."""
    address = f"{system.endpoints.labels}/search"
    answer = requests.get(address, params={"limit": 1000, **query}, headers=system.headers, timeout=60)
    return [entry["image"] for entry in answer.json()]
