"""HTTP sessions, and their authentication by API key or signature.

The other modules import this one within functions: requests is slow to import, and `--help` needs none of it.
"""

import ipaddress
from typing import Any
from urllib.parse import urlsplit

import requests
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase
from urllib3.util import Retry

from cli.account import session
from cli.target import Target, TargetName


class MissingCredentialsError(RuntimeError):
    """A call must be signed, and there are no AWS credentials."""


class Session(requests.Session):
    """Uses the proxies and certificate authorities of the environment. Calls loopback addresses without a proxy."""

    def merge_environment_settings(self, url: Any, proxies: Any, stream: Any, verify: Any, cert: Any) -> Any:
        """Merge the environment's settings into those of a call."""
        settings = super().merge_environment_settings(url, proxies, stream, verify, cert)
        return {**settings, "proxies": {}} if _is_loopback(url) else settings


def retrying_session(connections: int) -> Session:
    """Create a session for calls that may be repeated. It keeps one connection for each thread.

    The session repeats throttled and failing calls. The pauses become longer.
    """
    retries = Retry(
        total=6,
        backoff_factor=0.5,
        backoff_jitter=0.5,
        status_forcelist=(429, 500, 502, 503, 504),
        allowed_methods=None,
        raise_on_status=False,
    )
    made = Session()
    for scheme in ("http://", "https://"):
        made.mount(scheme, HTTPAdapter(pool_maxsize=connections, max_retries=retries))
    return made


class Admission(AuthBase):
    """Adds the API key. On AWS without a key, signs the call with the caller's credentials, as `auth=iam` requires."""

    def __init__(self, target: Target) -> None:
        self._target = target

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Add the key or the signature. Called by requests."""
        if self._target.api_key:
            request.headers["x-api-key"] = self._target.api_key
        elif self._target.name is TargetName.AWS:
            credentials = session().get_credentials()
            if credentials is None:
                raise MissingCredentialsError("there are no AWS credentials to sign the call with")
            signed = AWSRequest(request.method, request.url, data=request.body)
            SigV4Auth(credentials, "execute-api", session().region_name).add_auth(signed)
            request.headers.update(dict(signed.headers.items()))
        return request


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
