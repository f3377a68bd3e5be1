"""Links among a few records of a customer base that is counted but not at hand: the same that the job finds among all of them."""

import hashlib
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from itertools import combinations

import numpy as np

from crmsearch.resolution.components import connect
from crmsearch.resolution.keys import block_limit
from crmsearch.resolution.stored import Described, blocks_of, counter_of_key, counter_of_value
from crmsearch.resolution.weights import Model

__all__ = ["Census", "find_components", "find_links"]

Pair = tuple[str, str]


class Census:
    """How many records of the whole base have a key or a value, once the changes at hand are made.

    Args:
        records: how many there are in the base as it is kept.
        gone: records that the changes replace or remove, as they are kept.
        come: records as the changes make them.
    """

    def __init__(self, records: int, gone: Iterable[Described], come: Iterable[Described]) -> None:
        gone, come = list(gone), list(come)
        self.records = records - len(gone) + len(come)
        self._change: Counter[int] = Counter()
        for sign, several in ((-1, gone), (1, come)):
            for one in several:
                for counter in one.counters():
                    self._change[counter] += sign
        self._kept: dict[int, int] = {}
        self._hot: dict[int, bool] = {}

    def learn(self, described: Collection[Described], ask: Callable[[list[int]], Mapping[int, int]]) -> None:
        """Find out what is not known yet of these records: the numbers of their counters and, where keys are hot, of narrower ones.

        Args:
            described: the records.
            ask: gives the number of records in the base for counters; those that it does not name have none.
        """
        self._ask({counter for one in described for counter in one.counters()}, ask)
        self._ask({counter_of_key(block) for one in described for block in blocks_of(one.keys, self.is_hot)}, ask)

    def _ask(self, counters: set[int], ask: Callable[[list[int]], Mapping[int, int]]) -> None:
        asked = sorted(counters - self._kept.keys())
        counts = ask(asked) if asked else {}
        self._kept |= {counter: counts.get(counter, 0) for counter in asked}

    def count(self, counter: int) -> int:
        return self._kept[counter] + self._change[counter]

    def is_hot(self, key: int) -> bool:
        """Whether more records have a key than are compared with each other."""
        if key not in self._hot:
            self._hot[key] = self.count(counter_of_key(key)) > block_limit(key)
        return self._hot[key]

    def model(self, described: Iterable[Described]) -> Model:
        """Judges pairs of which one is among these records."""
        values = {value for one in described for value in one.values}
        counted = {value: self.count(counter_of_value(value)) for value in values}
        return Model(self.records, {value: count for value, count in counted.items() if count > 2})


def find_links(
    records: Mapping[str, Described], is_hot: Callable[[int], bool], model: Model, about: Collection[str] | None = None
) -> tuple[set[Pair], int]:
    """Pairs of records that are linked, and how many were compared.

    Args:
        records: by id.
        is_hot: whether too many records of the base have a key or a narrower one.
        model: judges the pairs.
        about: ids of the records of which one must be in a pair; all when left out.
    """
    compared = set(_pairs(records, is_hot, records if about is None else about))
    return {pair for pair in compared if model.judge(records[pair[0]].features, records[pair[1]].features).linked}, len(compared)


def _pairs(records: Mapping[str, Described], is_hot: Callable[[int], bool], about: Collection[str]) -> Iterator[Pair]:
    hot = {key.value for name in about for key in records[name].keys if is_hot(key.value)}
    wanted = {block for name in about for block in blocks_of(records[name].keys, is_hot) if not is_hot(block)}
    blocks: dict[int, list[str]] = {}
    for name, one in records.items():
        # Of the other records it need not be known which keys are hot: those that matter are keys of the first ones too.
        for block in wanted.intersection(blocks_of(one.keys, hot.__contains__)):
            blocks.setdefault(block, []).append(name)
    for block, members in blocks.items():
        if len(members) <= block_limit(block):
            yield from (pair for pair in combinations(sorted(members), 2) if pair[0] in about or pair[1] in about)


def find_components(names: Iterable[str], links: Iterable[Pair]) -> list[tuple[int | None, list[str]]]:
    """The records by component, with its number; ``None`` for a record that no link touches."""
    ordered = sorted(names)
    places = {name: place for place, name in enumerate(ordered)}
    edges = [(places[one], places[two]) for one, two in links]
    roots = connect(np.array(edges, dtype=np.int64).reshape(-1, 2))
    found: dict[int, list[str]] = {}
    for place, name in enumerate(ordered):
        found.setdefault(roots.get(place, place), []).append(name)
    return [(_number(members[0]) if len(members) > 1 else None, members) for members in found.values()]


def _number(name: str) -> int:
    """Two components that met in a number would be resolved together, and found to be two again."""
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "big", signed=True)
