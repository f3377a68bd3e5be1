"""What a question is, and what makers of questions share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random

import msgspec

from tests.bench.relevance.base import Document, Person
from tests.bench.relevance.twins import Key
from tests.bench.relevance.writing import fold

__all__ = ["Asked", "Judged", "Kind", "Maker", "is_known", "name_keys"]


class Asked(msgspec.Struct, frozen=True):
    """One way to ask for a person.

    Attributes:
        text: what is typed.
        error: the kind of error in it.
        twins: keys of those who could be meant as well.
        literal: keys of those who bear what was typed itself, error and all, and so rightly come first.
    """

    text: str
    error: str
    twins: tuple[Key, ...]
    literal: tuple[Key, ...] = ()


class Judged(msgspec.Struct, frozen=True):
    """A question with its right answer, the id of a document."""

    kind: str
    text: str
    error: str
    twins: tuple[Key, ...]
    target: str
    literal: tuple[Key, ...] = ()


Maker = Callable[[Random, Person], Iterator[Asked]]


class Kind(msgspec.Struct, frozen=True):
    """A kind of question; ``depth`` is how far down the right answer may stand to be of use: 1 or, for fragments, 10."""

    name: str
    depth: int
    make: Maker


def is_known(document: Document, *fields: str) -> bool:
    """Whether it is a person of whom all these fields are on file."""
    return document["kind"] == "person" and all(document.get(field) for field in fields)


def name_keys(document: Document, *, city: bool) -> tuple[Key, ...]:
    """Namesakes, in the same city or anywhere."""
    name = fold(document["name"])
    return (("name, city", name, fold(document["city"])),) if city else (("name", name),)
