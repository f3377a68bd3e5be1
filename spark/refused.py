"""Which customers Elasticsearch refuses, when it refuses some.

The connector tells of a refusal by quoting the document, and stops. So the customers are written again in parts, those of a part that fails
in smaller parts, until a part that fails is one customer; all others are then in the index. Parts are made of a hash of the id, so that
every look at a frame finds the same ones.
"""

from collections.abc import Callable

import msgspec
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from crmsearch.errors import JobError

__all__ = ["MOST", "Refusal", "find_refused"]

MOST = 20  # customers; where more are refused, the mapping does not fit, and the run fails
_PARTS = 16
_BITS = 4  # of the hash, for each division into so many parts


class Refusal(msgspec.Struct, frozen=True):
    """A customer whom Elasticsearch does not take, and why, in its own word for the kind of error."""

    customer_id: str
    reason: str


def find_refused(documents: DataFrame, write: Callable[[DataFrame], str | None]) -> list[Refusal]:
    """Write all that can be written, and tell what cannot.

    Args:
        documents: of which Elasticsearch has refused at least one.
        write: writes a frame; it returns why a document of it was refused, ``None`` if none was, and raises any other failure.

    Raises:
        JobError: so many are refused that the documents are not to blame.
    """
    found: list[Refusal] = []
    divided = [(documents, 0)]
    while divided:
        frame, level = divided.pop()
        digit = F.pmod(F.shiftrightunsigned(F.xxhash64("customer_id"), _BITS * level), F.lit(_PARTS))
        parts = [frame.where(digit == number) for number in range(_PARTS)]
        failed = [(part, reason) for part in parts if (reason := write(part)) is not None]
        for part, reason in failed:
            some = [row["customer_id"] for row in part.select("customer_id").limit(2).collect()]
            if len(some) == 1:
                found.append(Refusal(some[0], reason))
            else:
                divided.append((part, level + 1))
        if len(found) > MOST or (level == 0 and len(failed) == _PARTS):
            raise JobError(f"indexing failed: Elasticsearch refuses many documents ({failed[0][1]}), so its mapping does not fit them")
    return found
