"""The soak: put load and faults on the embedded cloud, then compare its data with the objects in S3."""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
