"""Clients of AWS services that give up while the function still has time to handle the failure."""

from typing import Any

import boto3
from botocore.config import Config

PATIENCE = Config(connect_timeout=3, read_timeout=10, retries={"mode": "standard", "max_attempts": 3})
"""By default boto3 waits 60 s to connect and 60 s to read, five times. Our functions may not run that
long."""


REGIONAL = Config(
    signature_version="s3v4", s3={"addressing_style": "virtual", "us_east_1_regional_endpoint": "regional"}
)
"""For signed S3 requests. Newer buckets refuse the older signature version. The global host redirects to the Region's
host, but a page may only contact one origin."""


def client(service: Any, config: Config | None = None) -> Any:
    """Return a client with the time limits above. `config` overrides them."""
    return boto3.client(service, config=PATIENCE.merge(config) if config else PATIENCE)
