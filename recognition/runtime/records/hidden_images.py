"""Find the pictures that the setting `hide_moderated` hides. It hides pictures with one of its moderation labels."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from common.runtime.abilities.ability import Finding
from common.runtime.abilities.moderation import KIND, MODERATION
from common.runtime.abilities.text import folded_word
from common.runtime.dynamodb_items import from_attributes, get_items
from recognition.runtime.index.index_entries import term_key
from recognition.runtime.records.image_records import ImageRecord

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


@dataclass(frozen=True)
class HiddenImages:
    """The labels that hide a picture, folded, and the table of records.

    A picture is also hidden if one of these labels is a parent of its moderation label.
    """

    dynamodb: "DynamoDBClient"
    table: str
    labels: frozenset[str]

    @classmethod
    def of_setting(cls, dynamodb: "DynamoDBClient", table: str, setting: str) -> "HiddenImages":
        """Read the setting: a JSON list of labels, or nothing."""
        return cls(dynamodb, table, frozenset(map(folded_word, json.loads(setting or "[]"))))

    def among(self, images: Iterable[str]) -> set[str]:
        """Read the images' records. Returns the hidden images. If the setting has no labels, no record is read."""
        keys = [{"image": {"S": image}} for image in dict.fromkeys(images)] if self.labels else []
        items = map(
            from_attributes, get_items(self.dynamodb, self.table, keys, attributes="image, abilities.moderation")
        )
        return {item["image"] for item in items if self._hides(_found(item))}

    def is_hidden(self, record: ImageRecord) -> bool:
        """Return True if an image is hidden."""
        result = record.abilities.get(MODERATION.name)
        return self._hides(result.found if result else ())

    def hides_entry(self, entry: Mapping[str, Any]) -> bool:
        """Return True if the image of an entry of the label index is hidden."""
        return any(term_key(KIND, label) in entry["confidences"] for label in self.labels)

    def _hides(self, found: Sequence[Finding]) -> bool:
        return any(folded_word(each.spelling) in self.labels for each in MODERATION.names(found))


def _found(item: Mapping[str, Any]) -> Sequence[Finding]:
    found: Sequence[Finding] = item.get("abilities", {}).get(MODERATION.name, {}).get("found", ())
    return found
