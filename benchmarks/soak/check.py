"""Check the idle system against the objects in S3, by brute force."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import requests

from benchmarks.soak.load import COLOURS, Load
from cli.abilities import DeployedAbility, deployed_abilities
from cli.target import local_target
from common.runtime.abilities import ABILITIES
from common.runtime.abilities.asked import asked_by
from local.cloud import Cloud
from local.endpoints import Endpoints
from recognition.runtime.records.image_records import ImageRecord
from tests.derived import Derived, expected, found, items, stored_records

TIMEOUT_SECONDS = 30
SHOWN = 5


@dataclass(frozen=True)
class SystemState:
    """The idle system: all data of the images with the prefix."""

    current: dict[str, tuple[str, str]]
    """The version of each stored object, and the ETag of its content."""

    deleted: set[str]
    contents: set[str]
    """The ETags of all versions that exist."""

    records: dict[str, ImageRecord]
    deliveries: list[dict[str, Any]]
    derived: Derived
    listed: set[str]
    searched: dict[str, set[str]]
    """The images that the API finds by each label, and the images that it lists."""

    wanted: dict[str, set[str]]
    """The abilities that Rekognition is asked about, for each stored object. The sets are empty if none is enabled."""

    calls: Counter[str]
    """The number of calls that Rekognition answered since the start, by operation."""


def read_state(
    cloud: Cloud, endpoints: Endpoints, outputs: dict[str, str], prefix: str, calls_before: Counter[str]
) -> SystemState:
    """Read everything."""

    def images(address: str, **query: Any) -> set[str]:
        return {name for name in _images(endpoints, address, query) if name.startswith(prefix)}

    dynamodb, s3 = cloud.client("dynamodb"), cloud.client("s3")
    current, deleted, contents = {}, set(), set()
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=endpoints.bucket, Prefix=prefix):
        for version in page.get("Versions", []):
            etag = version["ETag"].strip('"')
            contents.add(etag)
            if version["IsLatest"]:
                current[version["Key"]] = (version["VersionId"], etag)
        deleted |= {marker["Key"] for marker in page.get("DeleteMarkers", []) if marker["IsLatest"]}
    records = {r.image: r for r in stored_records(dynamodb, endpoints.table) if r.image.startswith(prefix)}
    tables = {name: _table(dynamodb, name) for name in ("LabelIndex", "LabelCounts")}
    derived = found(
        dynamodb, s3, index=tables["LabelIndex"], counts=tables["LabelCounts"], results=outputs["ResultsBucketName"]
    )
    deliveries = items(dynamodb, outputs["DeliveriesTableName"])
    return SystemState(
        current,
        deleted,
        contents,
        records,
        [entry for entry in deliveries if entry["image"].startswith(prefix) and entry["receiver"] == "thirdparty"],
        derived,
        images(endpoints.labels),
        {label: images(f"{endpoints.labels}/search", label=label) for label in COLOURS},
        _wanted(s3, endpoints.bucket, current, deployed_abilities(local_target(asdict(endpoints)))),
        calls(endpoints) - calls_before,
    )


def _wanted(s3: Any, bucket: str, names: Iterable[str], enabled: Sequence[DeployedAbility]) -> dict[str, set[str]]:
    """Return the abilities that Rekognition is asked about, for each stored object.

    Some abilities apply to every object, others only to objects with metadata that asks for them.
    """
    if not enabled:
        return {name: set() for name in names}
    asked = {name: asked_by(s3.head_object(Bucket=bucket, Key=name)["Metadata"]) for name in names}
    return {name: {each.name for each in enabled if each.may_be_asked(asked[name])} for name in names}


def calls(endpoints: Endpoints) -> Counter[str]:
    """Return the number of calls that Rekognition has answered since its start, by operation."""
    stats = requests.get(f"{endpoints.rekognition}/stats", timeout=TIMEOUT_SECONDS).json()
    return Counter({operation: count for operation, count in stats.items() if operation != "refused"})


def violations(seen: SystemState, load: Load, calls_lost: int) -> Iterator[str]:
    """Return each broken rule with examples. Up to `calls_lost` pictures may have been sent to Rekognition twice."""
    corrupt = {picture.etag for picture in load.pictures if picture.is_corrupt}
    yield from _named("stored objects have no record", seen.current.keys() - seen.records.keys())
    known = seen.current.keys() | seen.deleted | load.erased
    yield from _named("records are of objects that never existed", seen.records.keys() - known)
    other, wrong, alive, untold, unasked = [], [], [], [], []
    delivered = {entry["event_id"] for entry in seen.deliveries if entry["status"] == "DELIVERED"}
    for image, record in seen.records.items():
        if record.event().event_id not in delivered:
            untold.append(image)
        if image in seen.current:
            version, etag = seen.current[image]
            status = "FAILED" if etag in corrupt else "RECOGNIZED"
            if record.version_id != version:
                other.append(image)
            elif record.status != status:
                wrong.append(f"{image} ({record.status})")
            elif status == "RECOGNIZED" and _done(record) != seen.wanted[image]:
                unasked.append(f"{image} ({', '.join(sorted(_done(record))) or 'none'})")
        elif record.status != "DELETED":
            alive.append(image)
    yield from _named("records are not of the current version", other)
    yield from _named("records have the wrong status", wrong)
    yield from _named("records have the wrong abilities", unasked)
    yield from _named("deleted objects have a record that is not deleted", alive)
    yield from _named("last changes were not delivered", untold)
    yield from _named(
        "deliveries have not succeeded", [entry["image"] for entry in seen.deliveries if entry["status"] != "DELIVERED"]
    )
    yield from _derived(seen, load.prefix)
    yield from _as_callers_see_it(seen)
    yield from _calls(seen, load, corrupt, calls_lost)
    yield from load.errors


def _done(record: ImageRecord) -> set[str]:
    """Return the abilities that have answered about a picture."""
    return {name for name, result in record.abilities.items() if result.status == "done"}


def _calls(seen: SystemState, load: Load, corrupt: set[str], calls_lost: int) -> Iterator[str]:
    """Compare the calls of each operation with the contents. Each content may cost at most one call."""
    most = len((seen.contents | load.erased_contents) - corrupt) + calls_lost
    least = {"DetectLabels": len({etag for _, etag in seen.current.values()} - corrupt)}
    for name in set().union(*seen.wanted.values()):
        asked = {etag for image, (_, etag) in seen.current.items() if name in seen.wanted[image]}
        least[ABILITIES[name].operation] = len(asked - corrupt)
    for operation in sorted(least | seen.calls):
        if not least.get(operation, 0) <= seen.calls[operation] <= most:
            bounds = f"{least.get(operation, 0)} to {most} were expected"
            yield f"Rekognition answered {seen.calls[operation]} calls of {operation}; {bounds}"


def _derived(seen: SystemState, prefix: str) -> Iterator[str]:
    """Compare the index and the documents with the records, and the counts with the index."""
    wanted = expected(seen.records.values())
    entries = {entry for entry in seen.derived.entries if entry[2].startswith(prefix)}
    yield from _named("entries are missing in the index", wanted.entries - entries)
    yield from _named("entries of the index should not be there", entries - wanted.entries)
    counted = Counter(name for name, _, _ in seen.derived.entries)
    yield from _named("counts differ from the index", (counted | Counter(seen.derived.counts)).keys()
                      if dict(counted) != seen.derived.counts else [])  # fmt: skip
    documents = {r.image_id: seen.derived.documents.get(r.image_id) for r in seen.records.values()}
    wrong = [image_id for image_id, document in documents.items() if document != wanted.documents.get(image_id)]
    yield from _named("result documents differ from the records", wrong)


def _as_callers_see_it(seen: SystemState) -> Iterator[str]:
    yield from _named("stored objects are not listed", seen.current.keys() - seen.listed)
    yield from _named("deleted objects are listed", seen.listed - seen.current.keys())
    entries = expected(seen.records.values()).entries
    for label, images in seen.searched.items():
        wanted = {image for name, _, image in entries if name == label}
        yield from _named(f"a search for {label} differs from the records", wanted ^ images)


def _images(endpoints: Endpoints, address: str, query: dict[str, Any]) -> Iterator[str]:
    """Return the entries of all pages."""
    headers, parameters = {"x-api-key": endpoints.api_key}, {**query, "limit": 1000}
    while True:
        answer = requests.get(address, params=parameters, headers=headers, timeout=TIMEOUT_SECONDS)
        answer.raise_for_status()
        yield from (entry["image"] for entry in answer.json())
        if "next" not in answer.links:
            return
        address, parameters = f"{address.partition('?')[0]}?{answer.links['next']['url'].partition('?')[2]}", {}


def _named(what: str, examples: Any) -> Iterator[str]:
    named = sorted(map(str, examples))
    if named:
        yield f"{len(named)} {what}: {', '.join(named[:SHOWN])}{' …' if len(named) > SHOWN else ''}"


def _table(dynamodb: Any, name: str) -> str:
    [table] = [table for table in dynamodb.list_tables()["TableNames"] if f"Stack-{name}" in table]
    return str(table)


def seconds_to_labels(seen: SystemState, load: Load) -> list[tuple[datetime, float]]:
    """Return the time of upload of each remaining picture, and the seconds until the picture had its labels.

    Names with removed versions are left out, because a picture that became the current version again was uploaded long
    before.
    """
    return [
        (uploaded, (datetime.fromisoformat(record.recognized_at) - uploaded).total_seconds())
        for record in seen.records.values()
        if record.status != "DELETED"
        and record.image not in load.erased
        and (uploaded := datetime.fromisoformat(record.uploaded_at))
    ]
