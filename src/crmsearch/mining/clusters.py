"""Behavioural clusters by k-means (Lloyd's method with k-means++ starts), the number of them by silhouette (Rousseeuw 1987).

The fit takes a sample small enough for one machine; what comes of it is a few numbers, by which any customer can be assigned anywhere.
"""

from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from sklearn.metrics import silhouette_score
from threadpoolctl import threadpool_limits

from crmsearch.mining.features import AVERAGE, FEATURES

__all__ = ["MIN_CUSTOMERS", "SAMPLE_SIZE", "Clustering", "fit_clusters"]

MIN_CUSTOMERS = 50  # with behaviour; of fewer, clusters would be accidents
SAMPLE_SIZE = 20_000  # customers; a mean of so many is off by less than 1% of a standard deviation
SILHOUETTE_SIZE = 3_000  # customers; the silhouette compares all pairs, and its error is then about 0.01
LEAST_K, MOST_K = 3, 8  # fewer say too little, more cannot be kept apart in words
STARTS = 8  # of which the best is taken
NEARLY = 0.01  # a difference in silhouette that is none: the smaller number of clusters wins
REACH = 3.0  # standard deviations; what lies further out counts as no further
DISTINCT = 0.5  # standard deviations from the mean, from where a centre is called high or low
DIGITS = 6  # of scales and centres, so that the last bits of a sum decide nothing

Matrix = NDArray[np.float64]


class Clustering(msgspec.Struct, frozen=True, kw_only=True):
    """What is needed to assign a customer.

    Attributes:
        means: of every feature, after its logarithm.
        deviations: standard deviations; 0 for a feature in which all are alike, which then counts for nothing.
        centres: of every cluster, in standard deviations from the means.
        names: of every cluster.
        silhouette: of the fit, -1 to 1; above 0.25 the clusters are more than an accident.
    """

    means: tuple[float, ...]
    deviations: tuple[float, ...]
    centres: tuple[tuple[float, ...], ...]
    names: tuple[str, ...]
    silhouette: float


def fit_clusters(rows: Sequence[Sequence[float | None]], seed: int) -> Clustering | None:
    """Find the clusters of a sample; the same for the same rows, in whatever order, and the same seed.

    Args:
        rows: for every customer the features in the order of ``FEATURES``, after their logarithms; ``None`` for what is not known,
            which then stands at the mean.
        seed: of the random starts.

    Returns:
        The clusters, largest revenue first; ``None`` if there are too few customers, or too few that differ.
    """
    if len(rows) < MIN_CUSTOMERS:
        return None
    table = np.array([[np.nan if value is None else value for value in row] for row in rows], dtype=np.float64)
    table = table[np.lexsort(np.nan_to_num(table, nan=-1.0).T[::-1])]  # no feature is negative
    known = ~np.isnan(table)
    counts = known.sum(axis=0)
    means = np.where(known, table, 0.0).sum(axis=0) / np.maximum(counts, 1)
    deviations = np.sqrt((np.where(known, table - means, 0.0) ** 2).sum(axis=0) / np.maximum(counts, 1))
    means, deviations = means.round(DIGITS), deviations.round(DIGITS)
    scaled = _scale(table, means, deviations)
    distinct = len(np.unique(scaled, axis=0))
    if distinct <= LEAST_K:
        return None
    # Threads add in an order of their own.
    with threadpool_limits(limits=1):
        fits = [_fit(scaled, number, seed) for number in range(LEAST_K, min(MOST_K, distinct - 1) + 1)]
    best = max(quality for quality, _ in fits)
    silhouette, centres = next((quality, centres) for quality, centres in fits if quality >= best - NEARLY)
    ordered = sorted(map(tuple, centres.round(DIGITS).tolist()), reverse=True)
    return Clustering(
        means=tuple(means.tolist()),
        deviations=tuple(deviations.tolist()),
        centres=tuple(ordered),
        names=_names(ordered),
        silhouette=round(silhouette, 4),
    )


def _scale(table: Matrix, means: Matrix, deviations: Matrix) -> Matrix:
    divisors = np.where(deviations > 0, deviations, np.inf)
    return np.nan_to_num(np.clip((table - means) / divisors, -REACH, REACH), nan=0.0)


def _fit(scaled: Matrix, number: int, seed: int) -> tuple[float, Matrix]:
    model = KMeans(n_clusters=number, n_init=STARTS, random_state=seed, algorithm="lloyd").fit(scaled)
    # Rows are in order, so that every step-th of them stands for all.
    step = -(-len(scaled) // SILHOUETTE_SIZE)
    part, labels = scaled[::step], model.labels_[::step]
    quality = float(silhouette_score(part, labels)) if 1 < len(np.unique(labels)) < len(part) else -1.0
    return quality, model.cluster_centers_


def _names(centres: Sequence[Sequence[float]]) -> tuple[str, ...]:
    """Name every cluster by its one or two most extreme features; by more if others would have the same name."""
    words = [_traits(centre) for centre in centres]
    names = [_join(each[:2]) for each in words]
    for length in range(3, len(FEATURES) + 1):
        shared = {name for name in names if names.count(name) > 1}
        names = [_join(each[:length]) if name in shared else name for name, each in zip(names, words, strict=True)]
    # Alike in all words: by revenue, in which they are sorted.
    return tuple(name if names.count(name) == 1 else f"{name} {names[: place + 1].count(name)}" for place, name in enumerate(names))


def _traits(centre: Sequence[float]) -> list[str]:
    extreme = sorted(((-round(abs(value), 2), place) for place, value in enumerate(centre) if abs(value) >= DISTINCT))
    return [FEATURES[place].high if centre[place] > 0 else FEATURES[place].low for _, place in extreme]


def _join(traits: Sequence[str]) -> str:
    return ", ".join(traits) or AVERAGE
