"""Write and read the cursors of searches and of the lists of terms."""

import hashlib
import re
from dataclasses import dataclass
from typing import Any

from common.runtime.pagination import is_key, made_up, read_cursor, write_cursor
from recognition.runtime.index.index_entries import LABEL_KIND, last_rank
from recognition.runtime.index.search_query import SearchQuery

RANK = re.compile(r"\d{7}#[0-9a-f-]{36}")


@dataclass(frozen=True, kw_only=True)
class SearchPosition:
    """The position at which a search continues.

    `clause` is the number of the clause that drives the search. The search reads the entries of this clause's terms. It
    continues after the entry at `start`. If `end` is set, the search is within a block of entries that ends at `end`.
    Hits up to the rank `after` were shown already.
    """

    clause: int
    start: str | None = None
    after: str | None = None
    end: str | None = None


def search_cursor(query: SearchQuery, position: SearchPosition | None) -> str | None:
    """Write the cursor of a search. Returns None if the search is complete."""
    if position is None:
        return None
    return write_cursor(_digest(query), position.clause, position.start, position.after, position.end)


def search_position(cursor: str, query: SearchQuery) -> SearchPosition:
    """Read the cursor of a search.

    Raises:
        ApiError: 400, the cursor is not one of ours, or belongs to another search.
    """
    digest, clause, *ranks = read_cursor(cursor, 5)
    if digest != _digest(query) or type(clause) is not int or clause not in range(len(query.clauses)):
        raise made_up()
    if any(each is not None and not (isinstance(each, str) and RANK.fullmatch(each)) for each in ranks):
        raise made_up()
    start, after, end = ranks
    if start and start > min(filter(None, (last_rank(query.min_confidence), end))):
        raise made_up()  # DynamoDB refuses a start after the end
    return SearchPosition(clause=clause, start=start, after=after, end=end)


def label_cursor(kind: str, prefix: str, after: str | None) -> str | None:
    """Write the cursor of a list with the terms of one kind. Returns None if the list is complete."""
    return write_cursor(_list_digest(kind, prefix), after) if after else None


def last_label(cursor: str | None, kind: str, prefix: str) -> str | None:
    """Read the last name of the previous page from a cursor.

    Raises:
        ApiError: 400, the cursor is not one of ours, or belongs to another kind or prefix.
    """
    if cursor is None:
        return None
    digest, after = read_cursor(cursor, 2)
    if digest != _list_digest(kind, prefix) or not is_key(after) or not after.startswith(prefix):
        raise made_up()
    return str(after)


def _list_digest(kind: str, prefix: str) -> str:
    return _digest(prefix if kind == LABEL_KIND else (kind, prefix))


def _digest(asked: Any) -> str:
    return hashlib.sha256(repr(asked).encode()).hexdigest()[:12]
