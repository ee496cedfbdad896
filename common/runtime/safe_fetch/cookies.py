"""Keeps cookies during one fetch. Some sources set a cookie, redirect to the same URL, and expect the cookie there."""

from collections import defaultdict
from collections.abc import Iterable

from common.runtime.safe_fetch.urls import ParsedUrl

MAX_COOKIES = 50
MAX_COOKIE_BYTES = 4096
"""Limits for each host, as in RFC 6265, section 6.1."""


class Cookies:
    """Cookies by host. Only the host that set a cookie gets it back, and only until the fetch ends."""

    def __init__(self) -> None:
        self._hosts: dict[str, dict[str, str]] = defaultdict(dict)

    def keep(self, url: ParsedUrl, set_cookies: Iterable[str]) -> None:
        """Keep the cookies of an answer from `url`. The last value of a name replaces earlier values."""
        cookies = self._hosts[url.host]
        for header in set_cookies:
            pair, *attributes = header.split(";")
            name, is_pair, value = (part.strip() for part in pair.partition("="))
            is_secure = any(attribute.strip().lower() == "secure" for attribute in attributes)
            if not is_pair or not name or len(pair) > MAX_COOKIE_BYTES or not pair.isprintable():
                continue
            if (is_secure and url.scheme != "https") or (name not in cookies and len(cookies) >= MAX_COOKIES):
                continue
            cookies[name] = value

    def headers(self, url: ParsedUrl) -> dict[str, str]:
        """Return the Cookie header for a request to `url`, if the host has set cookies."""
        cookies = self._hosts.get(url.host)
        return {"Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items())} if cookies else {}
