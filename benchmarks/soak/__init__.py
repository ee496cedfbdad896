"""The soak: load and faults on the embedded cloud, then a comparison with what S3 holds."""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
