"""`{image_id}.json` in the results bucket: what Rekognition said of each image, in its own words."""

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from recognition.runtime.records.image_records import Classification

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

    from common.runtime.recognition_event import Instance, Label


@dataclass(frozen=True)
class ResultDocuments:
    """The bucket."""

    s3: "S3Client"
    bucket: str

    def bring_up(self, image_id: str, record: Classification | None) -> None:
        """Write the image's document anew, or remove it if the image is deleted, failed or gone."""
        key = f"{image_id}.json"
        if record is None or record.status != "RECOGNIZED":
            self.s3.delete_object(Bucket=self.bucket, Key=key)
            return
        body = json.dumps(document(record), ensure_ascii=False).encode()
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=body, ContentType="application/json")


def document(record: Classification) -> dict[str, Any]:
    """The document: `{"image_id", "labels": [{"Name", "Confidence", "Instances", "Parents"}]}`."""
    return {"image_id": record.image_id, "labels": [_label(label) for label in record.labels]}


def _label(label: "Label") -> dict[str, Any]:
    return {
        "Name": label.name,
        "Confidence": label.confidence,
        "Instances": [_instance(instance) for instance in label.instances],
        "Parents": [{"Name": parent} for parent in label.parents],
    }


def _instance(instance: "Instance") -> dict[str, Any]:
    box = instance.box
    sides = {"Width": box.width, "Height": box.height, "Left": box.left, "Top": box.top}
    return {"BoundingBox": sides, "Confidence": instance.confidence}
