"""Define the terms under which an image is found, and the keys of the label index.

A term is a label, or a name of another kind that an ability found: a word (`text`), a celebrity, a moderation label.
Three tables are derived from the records. `LabelIndex` has one entry for each image and term. Entries with the highest
confidence come first. `LabelCounts` has the number of images of each term, in shards. `Projections` has, for each
image, its state in the other two tables.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

from common.runtime.abilities import ABILITIES
from common.runtime.abilities.text import folded_word

if TYPE_CHECKING:
    from recognition.runtime.records.image_records import ImageRecord

SHARDS = 16
MAX_CONFIDENCE = 1_000_000
"""A confidence of 100 %. Confidences are rounded down to whole ten-thousandths of a per cent, so that comparisons are
exact."""


LABEL_KIND = "label"
SEPARATOR = "\x1f"
"""Separates the kind of a term from its name. The keys of labels have no kind, because the index had only labels
at first."""

MAX_NAME_CHARACTERS = 200
"""Longer words are not in the index. No search can ask for them."""


@dataclass(frozen=True, kw_only=True)
class Term:
    """A name under which an image is found, in Rekognition's spelling, with the image's confidence for this name."""

    spelling: str
    confidence: int


def fold(name: str) -> str:
    """Return the form in which labels are compared. The other kinds are compared by `folded_word`."""
    return name.casefold()


def term_key(kind: str, name: str) -> str:
    """Return the key of a term in the index. `name` has the form in which names are compared (`fold`)."""
    return name if kind == LABEL_KIND else f"{kind}{SEPARATOR}{name}"


def kind_and_name(key: str) -> tuple[str, str]:
    """Split a term's key. Returns the kind, and the name in the form in which names are compared."""
    kind, separator, name = key.partition(SEPARATOR)
    return (kind, name) if separator else (LABEL_KIND, key)


def index_confidence(per_cent: float) -> int:
    """Convert a confidence from per cent to the units of MAX_CONFIDENCE."""
    return min(MAX_CONFIDENCE, max(0, int(Decimal(str(per_cent)) * (MAX_CONFIDENCE // 100))))


def rank(confidence: int, image_id: str) -> str:
    """Return the sort key of an entry. Entries with the highest confidence come first, under every term."""
    return f"{MAX_CONFIDENCE - confidence:07d}#{image_id}"


def last_rank(confidence: int) -> str:
    """Return a rank that comes after all entries with this confidence."""
    return f"{rank(confidence, '')}~"  # `~` sorts after every UUID


def terms(record: "ImageRecord | None") -> dict[str, Term]:
    """Return the terms of an image by their keys, each with its highest confidence.

    The terms are labels, their parents and aliases, and the names that abilities found. An image without labels
    (deleted, failed or without a record) has no terms.
    """
    found: dict[str, Term] = {}
    for key, spelling, per_cent in _names(record) if record and record.status == "RECOGNIZED" else ():
        confidence = index_confidence(per_cent)
        known = found.get(key)
        if known is None or known.confidence < confidence:
            found[key] = Term(spelling=known.spelling if known else spelling, confidence=confidence)
    return found


def _names(record: "ImageRecord") -> Iterator[tuple[str, str, float]]:
    """Yield each name of an image: its key, its spelling and its confidence in per cent."""
    for label in record.labels:
        for spelling in filter(None, (label.name, *label.parents, *label.aliases)):
            yield fold(spelling), spelling, label.confidence
    for ability, result in record.abilities.items():
        # An ability that failed, or that this release does not know, has no names.
        for each in ABILITIES[ability].names(result.found) if ability in ABILITIES else ():
            name = folded_word(each.spelling)
            if 0 < len(name) <= MAX_NAME_CHARACTERS:
                yield term_key(each.kind, name), each.spelling, each.confidence


def entry_key(key: str, confidence: int, image_id: str) -> dict[str, Any]:
    """Return the key of a term's entry in `LabelIndex`."""
    return {"label": {"S": key}, "rank": {"S": rank(confidence, image_id)}}


def entry(record: "ImageRecord", found: Mapping[str, Term]) -> dict[str, Any]:
    """Return the attributes that all entries of an image share.

    These are the members that lists show, and the confidences of the image's terms.
    """
    return {
        "image": record.image,
        "image_id": record.image_id,
        "uploaded_at": record.uploaded_at,
        "recognized_at": record.recognized_at,
        "label_names": [label.name for label in record.labels],
        "confidences": {key: term.confidence for key, term in found.items()},
    }


def shard(image_id: str) -> str:
    """Return the shard that counts an image. With several shards, images with the same label seldom update the same
    counter."""
    return str(UUID(image_id).int % SHARDS)


def count_key(key: str, shard: str) -> dict[str, Any]:
    """Return the key of a term's counter in `LabelCounts`. Each kind has partitions of its own."""
    kind, name = kind_and_name(key)
    return {"shard": {"S": count_partition(kind, shard)}, "label": {"S": name}}


def count_partition(kind: str, shard: str) -> str:
    """Return the partition of the counters in this shard for terms of this kind."""
    return shard if kind == LABEL_KIND else f"{kind}#{shard}"


def counted_key(partition: str, name: str) -> str:
    """Return the key of the term that a counter counts."""
    kind, separator, _ = partition.partition("#")
    return term_key(kind if separator else LABEL_KIND, name)
