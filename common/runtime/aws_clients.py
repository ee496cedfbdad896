"""Clients of AWS services that give up while there is still time to do something about it."""

from typing import Any

import boto3
from botocore.config import Config

PATIENCE = Config(connect_timeout=3, read_timeout=10, retries={"mode": "standard", "max_attempts": 3})
"""boto3's own is 60 s to connect and 60 s to read, five times: longer than any of our functions may take."""


REGIONAL = Config(
    signature_version="s3v4", s3={"addressing_style": "virtual", "us_east_1_regional_endpoint": "regional"}
)
"""For S3 where something is signed: newer buckets refuse the older version, the global host redirects, and a page is
told one origin."""


def client(service: Any, config: Config | None = None) -> Any:
    """A client, with `config` over the patience above."""
    return boto3.client(service, config=PATIENCE.merge(config) if config else PATIENCE)
