"""The shape of the label index: under which names an image is found, and where its entries stand.

Three tables are derived from the records. `LabelIndex` has one entry for each image and name, the surest first;
`LabelCounts` has the number of images of each name, in shards; `Projections` has what of an image stands in both.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

if TYPE_CHECKING:
    from recognition.runtime.records.image_records import Classification

SHARDS = 16
SURE = 1_000_000
"""A confidence of 100 %: confidences are whole ten-thousandths of a per cent, cut off, so that they compare exactly."""


@dataclass(frozen=True, kw_only=True)
class Name:
    """A name under which an image is found: in Rekognition's spelling, and how sure that is."""

    spelling: str
    confidence: int


def fold(name: str) -> str:
    """The form in which names are compared."""
    return name.casefold()


def units(per_cent: float) -> int:
    """A confidence as the index keeps it."""
    return min(SURE, max(0, int(Decimal(str(per_cent)) * (SURE // 100))))


def rank(confidence: int, image_id: str) -> str:
    """Where an entry stands under its name: the surest first, in an order that is the same under every name."""
    return f"{SURE - confidence:07d}#{image_id}"


def last_rank(confidence: int) -> str:
    """Where the entries of this confidence end, under every name."""
    return f"{rank(confidence, '')}~"  # behind all UUIDs


def names(record: "Classification | None") -> dict[str, Name]:
    """What an image is found under: its labels, their parents and aliases, each at the highest confidence.

    Nothing for an image that is deleted, failed or gone.
    """
    found: dict[str, Name] = {}
    for label in record.labels if record and record.status == "RECOGNIZED" else ():
        confidence = units(label.confidence)
        for spelling in filter(None, (label.name, *label.parents, *label.aliases)):
            known = found.get(fold(spelling))
            if known is None or known.confidence < confidence:
                found[fold(spelling)] = Name(spelling=known.spelling if known else spelling, confidence=confidence)
    return found


def entry_key(name: str, confidence: int, image_id: str) -> dict[str, Any]:
    """The key of an entry in `LabelIndex`."""
    return {"label": {"S": name}, "rank": {"S": rank(confidence, image_id)}}


def entry(record: "Classification", found: Mapping[str, Name]) -> dict[str, Any]:
    """What all entries of an image hold beside their keys: what a list shows, and all names with their confidences."""
    return {
        "image": record.image,
        "image_id": record.image_id,
        "uploaded_at": record.uploaded_at,
        "recognized_at": record.recognized_at,
        "label_names": [label.name for label in record.labels],
        "confidences": {name: found[name].confidence for name in found},
    }


def shard(image_id: str) -> str:
    """The shard that counts an image: so that images of one label seldom meet at one counter."""
    return str(UUID(image_id).int % SHARDS)


def count_key(name: str, shard: str) -> dict[str, Any]:
    """The key of a counter in `LabelCounts`."""
    return {"shard": {"S": shard}, "label": {"S": name}}
