"""Clients of AWS services that give up while there is still time to do something about it."""

from typing import Any

import boto3
from botocore.config import Config

PATIENCE = Config(connect_timeout=3, read_timeout=10, retries={"mode": "standard", "max_attempts": 3})
"""boto3's own is 60 s to connect and 60 s to read, five times: longer than any of our functions may take."""


def client(service: Any, config: Config | None = None) -> Any:
    """A client, with `config` over the patience above."""
    return boto3.client(service, config=PATIENCE.merge(config) if config else PATIENCE)
