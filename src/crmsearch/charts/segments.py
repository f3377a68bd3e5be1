"""Charts of segments: a profile and a comparison, by the fields and values that differ most."""

from collections.abc import Iterable, Mapping, Sequence

from crmsearch.charts.plots import Bar, Frame, bars, choose_kind, notice
from crmsearch.charts.svg import finish
from crmsearch.charts.words import Language, field_label, number, say, told_of
from crmsearch.contract import FIELDS
from crmsearch.search.compare import Comparison
from crmsearch.search.contrast import CategoryContrast, NumberContrast, ValueContrast
from crmsearch.search.findings import show_number, show_share, show_value
from crmsearch.search.profile import Profile
from crmsearch.search.significance import Interval, wilson_interval

__all__ = ["draw_comparison", "draw_profile", "effect_bar"]

_KINDS = ("bars", "points")
_MOST = 15  # rows of a chart

Drawn = tuple[str, str]
"""The SVG of one chart, and what it shows in words."""


def draw_profile(answer: Profile, kind: str | None = None, language: Language = "en") -> str:
    """What differs from all others among numbers, and what is more or less frequent than among everyone."""
    kind = choose_kind(kind, _KINDS)
    groups = {"segment": answer.label, "everyone": say(language, "everyone_else")}
    members = say(language, "members", number(answer.size), show_share(answer.share))
    known = {(each.field, each.value) for category in answer.categories for each in category.values}
    more = [each for each in answer.over_represented if (each.field, each.value) not in known]
    charts = _contrast(
        answer.numbers,
        [*_values(answer.categories), *more],
        answer.by_definition,
        groups,
        say(language, "all_others"),
        "too_few_tested",
        kind,
        language,
    )
    said = [members, *(each.sentence for each in answer.findings), *(text for _, text in charts)]
    return finish([chart for chart, _ in charts], f"{answer.label}: {members}", " ".join(said))


def draw_comparison(answer: Comparison, kind: str | None = None, language: Language = "en") -> str:
    """How far two segments overlap, and in what the parts differ that were tested against each other."""
    kind = choose_kind(kind, _KINDS)
    overlap, told = _overlap(answer, language)
    groups = {part: answer.labels[part] for part in answer.tested or ("a", "b")}
    charts = _contrast(
        answer.numbers,
        _values(answer.categories),
        answer.by_definition,
        groups,
        list(groups.values())[1],
        "too_few_tested" if answer.tested else "alike",
        kind,
        language,
    )
    said = [told, *(each.sentence for each in answer.findings), *(text for _, text in charts)]
    title = say(language, "overlap", answer.labels["a"], answer.labels["b"])
    return finish([overlap, *(chart for chart, _ in charts)], title, " ".join(said))


def effect_bar(row: int, effect_size: float, difference: float | None, interval: Interval | None) -> Bar:
    """A difference of means in standard deviations; its interval is that of the difference in the same unit."""
    low = high = None
    if interval is not None and difference:
        low, high = sorted((interval.low * effect_size / difference, interval.high * effect_size / difference))
    return Bar(row=row, value=effect_size, low=low, high=high, text=f"{effect_size:+.2f}")


def _overlap(answer: Comparison, language: Language) -> Drawn:
    parts, either = answer.overlap, answer.overlap.either
    a, b = answer.labels["a"], answer.labels["b"]
    title = say(language, "overlap", a, b)
    if not either:
        text = say(language, "nobody")
        return notice(Frame(title=title), text), f"{text}."
    rows = [(say(language, "only", a), parts.only_a), (say(language, "in_both"), parts.both), (say(language, "only", b), parts.only_b)]
    shown = [Bar(row=row, value=n, text=f"{n:,} ({show_share(n / either)})") for row, (_, n) in enumerate(rows)]
    caption = say(language, "jaccard", f"{parts.jaccard:.2f}")
    frame = Frame(title=title, subtitle=say(language, "customers"), caption=caption)
    told = "; ".join([*(f"{label}: {n:,}" for label, n in rows), caption])
    return bars(frame, [label for label, _ in rows], shown), f"{told}."


def _contrast(
    numbers: Sequence[NumberContrast],
    values: Sequence[ValueContrast],
    by_definition: Sequence[str],
    groups: Mapping[str, str],
    tested_against: str,
    untested: str,
    kind: str,
    language: Language,
) -> list[Drawn]:
    """Two charts: numbers and values, those with the largest effects first.

    Args:
        numbers: all of them.
        values: all of them.
        by_definition: fields that are not drawn.
        groups: the two groups that are shown, by name in the figures, as they are called.
        tested_against: what the second tested group is called.
        untested: the word for why there are no tests.
        kind: of the charts.
        language: of their words.
    """
    one, other = groups.values()
    left_out = [say(language, "defined", ", ".join(field_label(each, language) for each in by_definition))] if by_definition else []
    told_of_numbers = [each for each in numbers if each.effect_size is not None and each.field not in by_definition]
    told_of_values = [each for each in values if each.more_than_noise and each.field not in by_definition]
    titles = say(language, "against_others", one, other), say(language, "shares_of_both", one, other)
    return [
        _numbers(
            Frame(title=titles[0], subtitle=say(language, "deviations", tested_against), caption=" · ".join(left_out)),
            told_of_numbers,
            list(groups),
            untested,
            kind,
            language,
        ),
        _shares(
            Frame(title=titles[1], subtitle=say(language, "share_of_known"), shares=True),
            told_of_values,
            groups,
            "unremarkable" if told_of_numbers else untested,
            kind,
            language,
        ),
    ]


def _numbers(frame: Frame, contrasts: Sequence[NumberContrast], groups: Sequence[str], none: str, kind: str, language: Language) -> Drawn:
    if not contrasts:
        return _nothing(frame, none, language)
    ranked = sorted(contrasts, key=lambda each: -abs(each.effect_size or 0.0))
    rows, labels, told = [], [], []
    for row, each in enumerate(ranked[:_MOST]):
        bar = effect_bar(row, each.effect_size or 0.0, each.difference, each.interval)
        means = [each.groups[group].mean for group in groups]
        of_both = " / ".join("–" if mean is None else show_number(FIELDS[each.field], mean) for mean in means)
        rows.append(Bar(row=row, value=bar.value, low=bar.low, high=bar.high, text=f"{bar.text} ({of_both})"))
        labels.append(field_label(each.field, language))
        told.append(f"{labels[-1]} {bar.text} ({of_both})")
    frame = _with_rest(frame, len(ranked), language)
    return bars(frame, labels, rows, 0.0, from_zero=kind == "bars"), _told(frame, told, language)


def _shares(frame: Frame, contrasts: Sequence[ValueContrast], groups: Mapping[str, str], none: str, kind: str, language: Language) -> Drawn:
    if not contrasts:
        return _nothing(frame, none, language)
    ranked = sorted(contrasts, key=lambda each: -abs(each.effect_size or 0.0))
    rows, labels, told = [], [], []
    for row, each in enumerate(ranked[:_MOST]):
        labels.append(f"{field_label(each.field, language)}: {show_value(each.field, each.value, language).strip('“”')}")
        shares = [each.shares[group] for group in groups]
        first, second = shares
        times = f" ×{first / second:.1f}" if first is not None and second else ""
        for part, (group, share) in enumerate(zip(groups, shares, strict=True)):
            interval = wilson_interval(each.counts[group], each.known[group])
            if share is not None and interval is not None:
                text = f"{show_share(share)}{times if part == 0 else ''}"
                rows.append(Bar(row=row, value=share, low=interval.low, high=interval.high, text=text, part=part))
        told.append(f"{labels[-1]} {show_share(first)} / {show_share(second)}{times}")
    frame = _with_rest(frame, len(ranked), language)
    return bars(frame, labels, rows, parts=list(groups.values()), from_zero=kind == "bars"), _told(frame, told, language)


def _values(categories: Iterable[CategoryContrast]) -> list[ValueContrast]:
    return [value for each in categories for value in each.values]


def _nothing(frame: Frame, word: str, language: Language) -> Drawn:
    text = say(language, word)
    return notice(Frame(title=frame.title, caption=frame.caption), text), f"{frame.title}: {text}."


def _with_rest(frame: Frame, count: int, language: Language) -> Frame:
    rest = [say(language, "more", number(count - _MOST))] if count > _MOST else []
    caption = " · ".join([*rest, *([frame.caption] if frame.caption else [])])
    return Frame(title=frame.title, subtitle=frame.subtitle, caption=caption, shares=frame.shares)


def _told(frame: Frame, rows: Sequence[str], language: Language) -> str:
    return f"{frame.title}: {'; '.join(told_of(rows, language))}."
