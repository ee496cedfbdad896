"""Reads the system's public addresses from a parameter.

The stacks write the parameter. The local launcher overwrites it with local addresses.
"""

import json
import os
import re
from dataclasses import dataclass, fields
from urllib.parse import urlsplit

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from common.runtime.aws_clients import client
from common.runtime.caches import cached_for

KEPT_SECONDS = 60
ADDRESS = re.compile(r"https?://[A-Za-z0-9.-]+(:[0-9]+)?(/[\w./-]*)?", re.ASCII)
"""A valid address. It contains no character that could end a header or a directive of a Content-Security-Policy."""


class EndpointsError(Exception):
    """The parameter cannot be read or has wrong contents. The message says what is wrong."""


@dataclass(frozen=True, kw_only=True)
class Endpoints:
    """Base URLs of the APIs, without a slash at the end, and origins of the buckets that browsers use."""

    upload: str
    labels: str
    deliveries: str
    images: str
    renditions: str


def endpoints() -> Endpoints:
    """Return the addresses. They are read at most once a minute.

    Raises:
        EndpointsError: the addresses are not known. The error is kept for a minute too.
    """
    found = _read()
    if isinstance(found, EndpointsError):
        raise found
    return found


def origin(address: str) -> str:
    """Return the origin of an address, as browsers define it."""
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}"


@cached_for(KEPT_SECONDS)
def _read() -> Endpoints | EndpointsError:
    name = os.environ["ENDPOINTS_PARAMETER"]
    ssm = client("ssm", Config(connect_timeout=1, read_timeout=2, retries={"mode": "standard", "max_attempts": 2}))
    try:
        values = json.loads(ssm.get_parameter(Name=name)["Parameter"]["Value"])
        found = Endpoints(**{field.name: values[field.name] for field in fields(Endpoints)})
    except ssm.exceptions.ParameterNotFound:
        return EndpointsError(f"there is no parameter {name}")
    except (BotoCoreError, ClientError) as error:
        return EndpointsError(f"the parameter {name} could not be read: {type(error).__name__}")
    except (KeyError, TypeError, ValueError):
        return EndpointsError(f"the parameter {name} is not the JSON object that the stacks write")
    if wrong := [name for name, value in vars(found).items() if not _is_address(value)]:
        return EndpointsError(f"in the parameter {name} {wrong[0]} is not an address such as https://host/path")
    return found


def _is_address(value: object) -> bool:
    return isinstance(value, str) and ADDRESS.fullmatch(value) is not None
