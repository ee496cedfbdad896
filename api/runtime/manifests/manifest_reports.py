"""Write the reports of manifests.

A report contains counts of lines, and the reasons why lines were rejected or failed.
"""

import json
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any, Literal

from api.runtime.manifests.manifest_table import Manifest, Manifests, Outcome, Progress

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

FOLDER = "reports/"
Status = Literal["running", "done", "unfinished"]


def report_key(manifest: Manifest) -> str:
    """Return the key of a manifest's report."""
    return f"{FOLDER}{manifest.key}.json"


@dataclass(frozen=True)
class Reports:
    """Writes reports into the manifest bucket."""

    s3: "S3Client"
    bucket: str
    manifests: Manifests

    def write(self, manifest: Manifest, progress: Progress, status: Status) -> None:
        """Write the current report. The memory in use does not grow with the length of the report."""
        with tempfile.TemporaryFile() as file:
            for part in self._parts(manifest, progress, status):
                file.write(part.encode())
            self._put(manifest, file)

    def _parts(self, manifest: Manifest, progress: Progress, status: Status) -> Iterator[str]:
        lines = progress.accepted + progress.rejected
        head: dict[str, Any] = {
            "manifest": manifest.key,
            "version_id": manifest.version_id,
            "status": status,
            "started_at": progress.started_at,
            "finished_at": progress.finished_at,
            "lines": lines,
            "accepted": progress.accepted,
            "stored": self.manifests.count(manifest, "stored"),
            "unchanged": self.manifests.count(manifest, "unchanged"),
            "pending": lines - self.manifests.count(manifest),
        }
        yield json.dumps(head, ensure_ascii=False, indent=1).removesuffix("\n}")
        yield from self._list(manifest, "rejected")
        yield from self._list(manifest, "failed")
        yield "\n}\n"

    def _list(self, manifest: Manifest, outcome: Outcome) -> Iterator[str]:
        yield f',\n "{outcome}": ['
        separator = "\n  "
        for line in self.manifests.lines(manifest, outcome):
            yield separator + json.dumps(line, ensure_ascii=False)
            separator = ",\n  "
        yield "]" if separator == "\n  " else "\n ]"

    def _put(self, manifest: Manifest, file: IO[bytes]) -> None:
        file.seek(0)
        self.s3.put_object(
            Bucket=self.bucket, Key=report_key(manifest), Body=file, ContentType="application/json; charset=utf-8"
        )
