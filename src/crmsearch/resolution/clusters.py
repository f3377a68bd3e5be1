"""Links to customers: the strongest link first, and none that would put two people into one.

A chain of likenesses is no likeness: a may resemble b and b resemble c where a and c contradict each other. Two clusters are therefore
joined only if their members agree with each other, not only the two that the link names.
"""

import itertools
from collections.abc import Callable, Iterator, Sequence

import msgspec

from crmsearch.resolution.features import Features, is_valid_id
from crmsearch.resolution.keys import block_limit, blocking_keys
from crmsearch.resolution.weights import Match, Model

__all__ = ["Cluster", "Link", "resolve_component"]

ALL_PAIRS = 40  # members of a component up to which all are compared with each other; in a larger one those that share a key
CONTRADICTION = -5.0
"""Bits: two records as unlike as this contradict each other."""
MAX_AGAINST = 1 / 3
"""Share of the pairs between two clusters that may contradict each other: one record may be wrong where two others agree, and in a chain of
three the one contradiction is half of the pairs."""
LIMIT = 20.0  # bits that one pair may say for or against

_CROSS_PAIRS = 400  # of two clusters that are looked at, so that a customer of a thousand records costs no million comparisons


class Link(msgspec.Struct, frozen=True):
    """Two records that hold a cluster together, by their ids, and why."""

    one: str
    two: str
    probability: float
    reasons: tuple[str, ...]


class Cluster(msgspec.Struct, frozen=True):
    """The records of one customer.

    Attributes:
        members: ids, sorted.
        links: one for each member but the first, strongest first.
    """

    members: tuple[str, ...]
    links: tuple[Link, ...] = ()

    @property
    def confidence(self) -> float:
        """Probability of the weakest link that holds the cluster; 1 for a record on its own."""
        return min((link.probability for link in self.links), default=1.0)


def resolve_component(records: Sequence[Features], model: Model) -> tuple[list[Cluster], int]:
    """Split records that links connect into customers.

    The outcome does not depend on the order of the records, whose ids must differ.

    Returns:
        The clusters by their first member, and how many links were refused.
    """
    members = sorted(records, key=lambda record: record.id)
    memory: dict[tuple[int, int], Match] = {}

    def judge(one: int, two: int) -> Match:
        pair = (one, two) if one < two else (two, one)
        if pair not in memory:
            memory[pair] = model.judge(members[pair[0]], members[pair[1]])
        return memory[pair]

    linked = [(judge(*pair), pair) for pair in _pairs(members)]
    ranked = sorted(((match, pair) for match, pair in linked if match.linked), key=lambda each: (-each[0].weight, each[1]))
    groups = {place: [place] for place in range(len(members))}
    proofs = {place: {member.national_id} if is_valid_id(member.national_id) else set() for place, member in enumerate(members)}
    links: dict[int, list[Link]] = {place: [] for place in groups}
    home = list(groups)
    refused = 0
    for match, (one, two) in ranked:
        first, second = home[one], home[two]
        if first == second:
            continue
        if len(proofs[first] | proofs[second]) > 1 or not _cohere(groups[first], groups[second], judge):
            refused += 1
            continue
        small, large = sorted((first, second), key=lambda group: (len(groups[group]), -group))
        for place in groups[small]:
            home[place] = large
        groups[large] += groups.pop(small)
        proofs[large] |= proofs.pop(small)
        links[large] += [*links.pop(small), Link(members[one].id, members[two].id, match.probability, match.reasons)]
    clusters = [_cluster([members[place].id for place in group], links[key]) for key, group in groups.items()]
    return sorted(clusters, key=lambda cluster: cluster.members), refused


def _cluster(ids: list[str], links: list[Link]) -> Cluster:
    return Cluster(tuple(sorted(ids)), tuple(sorted(links, key=lambda link: (-link.probability, link.one, link.two))))


def _pairs(members: Sequence[Features]) -> Iterator[tuple[int, int]]:
    if len(members) <= ALL_PAIRS:
        yield from itertools.combinations(range(len(members)), 2)
        return
    blocks: dict[int, list[int]] = {}
    narrower: dict[int, list[int]] = {}
    for place, member in enumerate(members):
        for key in blocking_keys(member):
            blocks.setdefault(key.value, []).append(place)
            for value in key.narrower:
                narrower.setdefault(value, []).append(place)
    small = (block for key, block in itertools.chain(blocks.items(), narrower.items()) if len(block) <= block_limit(key))
    yield from sorted({pair for block in small for pair in itertools.combinations(block, 2)})


def _cohere(one: Sequence[int], two: Sequence[int], judge: Callable[[int, int], Match]) -> bool:
    """Whether two clusters agree: on average their members speak for one person, and few contradict each other or are barred."""
    cross = [judge(*pair) for pair in itertools.islice(itertools.product(sorted(one), sorted(two)), _CROSS_PAIRS)]
    against = sum(match.barred or match.weight <= CONTRADICTION for match in cross)
    return against <= MAX_AGAINST * len(cross) and sum(max(-LIMIT, min(match.weight, LIMIT)) for match in cross) > 0
