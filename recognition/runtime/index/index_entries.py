"""Define the terms under which an image is found, and the keys of the label index.

Three tables are derived from the records. `LabelIndex` has one entry for each image and term, the surest first.
`LabelCounts` has the number of images of each term, in shards. `Projections` has the state of each image in the other
two.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

if TYPE_CHECKING:
    from recognition.runtime.records.image_records import ImageRecord

SHARDS = 16
MAX_CONFIDENCE = 1_000_000
"""A confidence of 100 %. Confidences are cut off to whole ten-thousandths of a per cent, so that they compare
exactly."""


@dataclass(frozen=True, kw_only=True)
class Term:
    """A name under which an image is found, in Rekognition's spelling, with the confidence of the image's label."""

    spelling: str
    confidence: int


def fold(name: str) -> str:
    """Return the form in which terms are compared."""
    return name.casefold()


def index_confidence(per_cent: float) -> int:
    """Convert a confidence from per cent to the units of MAX_CONFIDENCE."""
    return min(MAX_CONFIDENCE, max(0, int(Decimal(str(per_cent)) * (MAX_CONFIDENCE // 100))))


def rank(confidence: int, image_id: str) -> str:
    """Return the sort key of an entry. The surest entry comes first, in the same order under every term."""
    return f"{MAX_CONFIDENCE - confidence:07d}#{image_id}"


def last_rank(confidence: int) -> str:
    """Return a rank behind all entries of this confidence."""
    return f"{rank(confidence, '')}~"  # `~` sorts behind every UUID


def terms(record: "ImageRecord | None") -> dict[str, Term]:
    """Return the terms of an image by their folded names: labels, parents and aliases, each at its highest confidence.

    An image without labels (deleted, failed or without a record) has no terms.
    """
    found: dict[str, Term] = {}
    for label in record.labels if record and record.status == "RECOGNIZED" else ():
        confidence = index_confidence(label.confidence)
        for spelling in filter(None, (label.name, *label.parents, *label.aliases)):
            known = found.get(fold(spelling))
            if known is None or known.confidence < confidence:
                found[fold(spelling)] = Term(spelling=known.spelling if known else spelling, confidence=confidence)
    return found


def entry_key(name: str, confidence: int, image_id: str) -> dict[str, Any]:
    """Return the key of an entry in `LabelIndex`."""
    return {"label": {"S": name}, "rank": {"S": rank(confidence, image_id)}}


def entry(record: "ImageRecord", found: Mapping[str, Term]) -> dict[str, Any]:
    """Return the attributes that all entries of an image share: the members of a list, and the terms' confidences."""
    return {
        "image": record.image,
        "image_id": record.image_id,
        "uploaded_at": record.uploaded_at,
        "recognized_at": record.recognized_at,
        "label_names": [label.name for label in record.labels],
        "confidences": {name: term.confidence for name, term in found.items()},
    }


def shard(image_id: str) -> str:
    """Return the shard that counts an image. With several shards, images of one label seldom update the same
    counter."""
    return str(UUID(image_id).int % SHARDS)


def count_key(name: str, shard: str) -> dict[str, Any]:
    """Return the key of a counter in `LabelCounts`."""
    return {"shard": {"S": shard}, "label": {"S": name}}
