"""The image bucket in moto, with the notifications that S3 would send."""

import json
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import quote_plus

import boto3

from tests.conftest import captured
from tests.source_server import picture

PICTURE = picture()

Kind = Literal["object-created", "object-deleted", "version-deleted", "lifecycle-expiration"]
"""A captured event: a new version, a delete marker, a version deleted permanently, a delete marker by lifecycle."""


def photo(content: str) -> bytes:
    """A JPEG that differs from others by the bytes after its end."""
    return PICTURE + content.encode()


@dataclass
class S3:
    """Changes the bucket and returns the notifications. Sequencers count up."""

    bucket: str
    count: int = 0
    versions: list[tuple[str, str]] = field(default_factory=list)
    """All versions and markers, as key and version id, the oldest first."""

    def put(self, key: str, **metadata: str) -> str:
        return self.put_bytes(key, photo(metadata.pop("body", key)), **metadata)

    def put_bytes(self, key: str, body: bytes, **metadata: str) -> str:
        answer = boto3.client("s3").put_object(Bucket=self.bucket, Key=key, Body=body, Metadata=metadata)
        return self._created(key, answer)

    def copy_onto_itself(self, key: str) -> str:
        """Make a new version with the same content, as `aws s3 cp` does to change the metadata."""
        source: Any = {"Bucket": self.bucket, "Key": key}
        answer = boto3.client("s3").copy_object(
            Bucket=self.bucket, Key=key, CopySource=source, Metadata={}, MetadataDirective="REPLACE"
        )
        return self._created(key, answer)

    def _created(self, key: str, answer: Any) -> str:
        version_id = answer.get("VersionId", "null")
        self.versions = [version for version in self.versions if version != (key, version_id)]
        self.versions.append((key, version_id))
        return self.notification("object-created", key, version_id)

    def delete(self, key: str) -> str:
        """Make a delete marker. moto, unlike S3, makes none for a key without versions."""
        return self.notification("object-deleted", key, self._marker(key))

    def expire(self, key: str) -> str:
        """Make a delete marker as a lifecycle rule does."""
        return self.notification("lifecycle-expiration", key, self._marker(key))

    def _marker(self, key: str) -> str:
        version_id = boto3.client("s3").delete_object(Bucket=self.bucket, Key=key).get("VersionId", "null")
        self.versions.append((key, version_id))
        return version_id

    def delete_versions(self, *versions: tuple[str, str]) -> list[str]:
        """Delete versions or markers, as key and version id, permanently and in one call."""
        objects: Any = [{"Key": key, "VersionId": version_id} for key, version_id in versions]
        answer = boto3.client("s3").delete_objects(Bucket=self.bucket, Delete={"Objects": objects})
        assert "Errors" not in answer
        self.versions = [version for version in self.versions if version not in versions]
        return [self.notification("version-deleted", key, version_id) for key, version_id in versions]

    def notification(self, kind: Kind, key: str, version_id: str) -> str:
        self.count += 1
        document = captured(kind)
        document["Records"][0]["s3"]["bucket"]["name"] = self.bucket
        document["Records"][0]["s3"]["object"] |= {
            "key": quote_plus(key, safe="/"),
            "versionId": version_id,
            "sequencer": f"{self.count:016X}",
        }
        return json.dumps(document)

    def current(self) -> dict[str, str]:
        """List the keys that have a current version, with its id, as S3 lists them."""
        pages = boto3.client("s3").get_paginator("list_object_versions").paginate(Bucket=self.bucket)
        listed = [version for page in pages for version in page.get("Versions", [])]
        return {version["Key"]: version["VersionId"] for version in listed if version["IsLatest"]}
