"""The run report as a self-contained page for people who do not read JSON: what came in, what became of it, what wants a look."""

from collections.abc import Mapping, Sequence
from html import escape

from crmsearch.contract import FIELDS, FieldQuality, InputReport, MergeReport, ReasonReport, RunReport
from crmsearch.quality import compared_fields, mean_completeness, quarantined_share, verdict, wants_a_look
from crmsearch.report.charts import Row, Series, bars, figure, pairs, percent, sentences, table, trend
from crmsearch.report.style import STYLE

__all__ = ["render_report"]

_SHOWN_REASONS = 15
_SHOWN_UNMAPPED = 12
_KINDS = {"customers": "customers", "orders": "orders", "tickets": "tickets", "campaigns": "campaign responses"}
_SEVERITIES = {"reject": "row set aside", "blank": "value dropped", "fix": "value mended"}


def render_report(report: RunReport, earlier: Sequence[RunReport] = ()) -> str:
    """HTML that refers to nothing outside itself and runs no script.

    Args:
        report: the run that is shown.
        earlier: the runs before it, oldest first, for the trend.
    """
    before = [run for run in earlier if run.run_id != report.run_id]
    parts = [
        _head(report, before[-1] if before else None),
        _inputs(report),
        _fields(report),
        _reasons(report),
        _merges(report),
        _groups(report),
        _trend([*before, report]),
        _seconds(report.seconds),
    ]
    return f"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Data quality of run {escape(report.run_id)}</title>
<style>{STYLE}</style>
<main>
{"".join(part for part in parts if part)}
</main>
</html>
"""


def _head(report: RunReport, before: RunReport | None) -> str:
    where = f", loaded into <code>{escape(report.index)}</code>" if report.index else ", written to files"
    where = where if report.failure is None else "; nothing went live" if report.mode == "full" else "; it did not come to its end"
    # A run that failed early made no customers, which is not to say that there are none.
    made = report.failure is None or report.indexed > 0
    completeness = mean_completeness(report)
    figures = [
        figure(f"{report.rows_read:,}", "rows of customers read"),
        figure(f"{report.rows_read - report.quarantined:,}", "rows accepted"),
        figure(f"{report.indexed:,}", "customers indexed" if report.index and report.failure is None else "customers") if made else "",
        figure(f"{report.merged:,}", "duplicates merged") if made else "",
        figure(
            f"{report.quarantined:,}", f"rows quarantined ({percent(quarantined_share(report))})", "warn" if wants_a_look(report) else ""
        ),
        figure(percent(completeness, 0), "mean completeness") if completeness is not None else "",
    ]
    funnel = [
        Row("Rows read", report.rows_read, f"{report.rows_read:,}"),
        Row("Accepted", report.rows_read - report.quarantined, f"{report.rows_read - report.quarantined:,}"),
        *([_counted("Customers", report.indexed, report.rows_read)] if made else []),
    ]
    return f"""<h1>Data quality of run {escape(report.run_id)}</h1>
<p class="about">Began {escape(report.began_at)}, took {sum(report.seconds.values()):,.1f} s{where}.</p>
<p class="verdict{" warn" if wants_a_look(report) else ""}">{escape(verdict(report, before))}</p>
<div class="figures">{"".join(figures)}</div>
{bars(funnel, "From rows to customers")}
"""


def _counted(label: str, count: int, whole: int) -> Row:
    """A count with the share of the whole that it is."""
    return Row(label, count, f"{count:,} ({percent(count / (whole or 1))})")


def _inputs(report: RunReport) -> str:
    headers = [
        "Table",
        "Holds",
        "Read as",
        "Rows read",
        "= indexed",
        "+ merged",
        "+ removed",
        "+ unchanged",
        "+ quarantined",
        "Quarantined",
        "Columns not used",
    ]
    rows = [
        [
            escape(each.path),
            _KINDS[each.kind],
            escape(_read_as(each)),
            *(f"{count:,}" for count in (each.rows_read, each.indexed, each.merged, each.removed, each.unchanged, each.quarantined)),
            percent(each.quarantined / each.rows_read) if each.rows_read else "–",
            _unmapped(each.unmapped),
        ]
        for each in report.inputs
    ]
    balance = "Every row is accounted for: rows read = indexed + merged + removed + unchanged + quarantined, table by table."
    if report.failure is not None:
        balance = (
            "The run failed: what was not judged until then is neither indexed nor merged, and a table of which it says 0 was not read."
        )
    return f"""<h2>What was read</h2>
<p>{balance} Of orders, tickets and campaign responses, “indexed” rows count in the figures of a customer, “merged” ones repeat another
row.</p>
{table("All tables of this run", headers, rows, range(3, 8), wide=True)}
"""


def _read_as(each: InputReport) -> str:
    layout = f" {each.preset}" if each.preset not in {"generic", each.source_system} else ""
    layout += f" {each.table}" if each.table else ""
    return f"{each.format}, {each.encoding}, from {each.source_system}{f' ({layout.strip()})' if layout else ''}"


def _unmapped(names: Sequence[str]) -> str:
    shown = ", ".join(escape(name[:40]) for name in names[:_SHOWN_UNMAPPED])
    rest = len(names) - _SHOWN_UNMAPPED
    return (f"{shown} and {rest:,} more" if rest > 0 else shown) or "–"


def _fields(report: RunReport) -> str:
    compared = compared_fields(report)
    if not report.fields:
        return ""
    rows = [
        [
            escape(_label(each)),
            *(percent(share, 0) for share in (each.filled_before, each.filled_after, each.valid, each.unique_before, each.unique_after)),
        ]
        for each in compared
    ]
    empty = [_label(each) for each in report.fields if each.valid is None and not each.filled_after]
    note = f"<p>Columns without a single value: {escape(', '.join(empty))}.</p>" if empty else ""
    headers = [
        "Field",
        "Filled in the rows read",
        "Filled in the customers",
        "Valid",
        "Different in the rows read",
        "Different in the customers",
    ]
    shares = [(_label(each), (each.filled_before, each.filled_after)) for each in compared]
    filled = pairs(shares, ("before, in the rows read", "after, in the customers"), "How many have a value, by field")
    return f"""<h2>How good the fields are</h2>
<p><strong>Filled</strong>: how many of the rows that were read, and of the customers they became, have a value.
<strong>Valid</strong>: how many of the filled cells survived the rules. <strong>Different</strong>: how many of the values differ from all
others (an estimate, within about 3%); what identifies a customer should come close to 100% once duplicates are merged.
Before is in the rows read, after in the customers.</p>
{filled}
{table("Completeness, validity and uniqueness by field", headers, rows, range(1, 6))}
{note}{_added(report)}
"""


def _added(report: RunReport) -> str:
    rows = [
        Row(_label(each), each.filled_after, percent(each.filled_after))
        for each in report.fields
        if each.valid is None and each.filled_after
    ]
    added = bars(rows, "Customers with a value", "that no column of a customer file held", shares=True) if rows else ""
    return f"<h3>Added by this run</h3>{added}" if rows else ""


def _label(each: FieldQuality) -> str:
    return FIELDS[each.field].label if each.field in FIELDS else each.field


def _reasons(report: RunReport) -> str:
    if not report.reasons:
        return "<h2>What was mended, dropped or set aside</h2><p>None.</p>"
    rows = [_reason(each) for each in sorted(report.reasons, key=lambda each: -each.rows)]
    headers = ["What was done", "Consequence", "Rows", "Examples, masked", "Rule"]
    shown = table("The rules that were applied most", headers, rows[:_SHOWN_REASONS], [2], wide=True)
    rest = rows[_SHOWN_REASONS:]
    more = f"<details><summary>{len(rest)} more rules</summary>{table('The other rules', headers, rest, [2], wide=True)}</details>"
    actions = {each.code: f"{each.action} ({each.code})" for each in report.reasons}
    rejected = [Row(actions.get(code, code), count, f"{count:,}") for code, count in report.quarantined_by_reason.items()]
    return f"""<h2>What was mended, dropped or set aside</h2>
<p>Examples show what was wrong and not whose it is: names keep their first letters, phones their last two digits; ␣ is a space too many,
▯ a character that cannot be seen.</p>
{shown}{more if rest else ""}
<h3>Why rows of customers were set aside</h3>
{sentences(rejected, "Rows by reason", "a row may have several")}
"""


def _reason(each: ReasonReport) -> list[str]:
    kind = f" <small>{escape(_KINDS[each.kind])}</small>" if each.kind != "customers" else ""
    return [
        escape(each.action[:1].upper() + each.action[1:]) + kind,
        f'<span class="tag {escape(each.severity)}">{escape(_SEVERITIES.get(each.severity, each.severity))}</span>',
        f"{each.rows:,}",
        "".join(f"<code>{escape(sample)}</code>" for sample in each.samples) or "–",
        f"<code>{escape(each.code)}</code>",
    ]


def _merges(report: RunReport) -> str:
    merges = report.merges
    if merges == MergeReport() and not report.merged:
        return ""
    figures = [
        figure(f"{merges.customers_merged:,}", "customers made of several records"),
        figure(f"{merges.largest_cluster:,}", "records of the largest customer"),
        figure(f"{merges.pairs_compared:,}", "pairs compared"),
        figure(f"{merges.links_refused:,}", "links refused"),
        figure(f"{merges.blocks_capped:,}", "groups too large to compare"),
    ]
    reasons = [Row(reason, count, f"{count:,}") for reason, count in merges.reasons.items()][:_SHOWN_REASONS]
    bands = [Row(band, count, f"{count:,}") for band, count in sorted(merges.confidence.items(), reverse=True)]
    return f"""<h2>How duplicates were found</h2>
<p>{report.merged:,} records joined another one. A link is refused when something speaks against it, such as two valid national ids that
differ. Customers of low confidence are worth a look.</p>
<div class="figures">{"".join(figures)}</div>
{sentences(reasons, "Links by what they rest on") if reasons else ""}
{bars(bands, "Customers by confidence", "that all their records are one person") if bands else ""}
"""


def _groups(report: RunReport) -> str:
    segments = [_counted(name, count, report.indexed) for name, count in report.rfm_segments.items()]
    clusters = [_counted(each.name, each.customers, report.indexed) for each in report.clusters]
    if not segments and not clusters:
        return ""
    features = list(dict.fromkeys(feature for each in report.clusters for feature in each.means))
    means = [[escape(each.name), *(_mean(each.means.get(feature)) for feature in features)] for each in report.clusters]
    labels = [FIELDS[feature].label if feature in FIELDS else feature.replace("_", " ") for feature in features]
    counted = range(1, len(labels) + 1)
    return f"""<h2>Who the customers are</h2>
{bars(segments, "RFM segments", "by how recently, how often and for how much they bought; share of all customers") if segments else ""}
{bars(clusters, "Behavioural clusters", "share of all customers") if clusters else ""}
{table("What the clusters have in common: means", ["Cluster", *labels], means, counted, wide=len(labels) > 5) if features else ""}
"""


def _mean(value: float | None) -> str:
    return "–" if value is None else f"{value:,.0f}" if abs(value) >= 100 else f"{value:,.2f}"


def _trend(runs: Sequence[RunReport]) -> str:
    if len(runs) < 2:
        return ""

    def series(name: str, of: Mapping[str, tuple[float, str]]) -> Series:
        return Series(name, [(place, *of[run.run_id]) for place, run in enumerate(runs) if run.run_id in of])

    read = {run.run_id: (float(run.rows_read), f"{run.rows_read:,}") for run in runs}
    made = {run.run_id: (float(run.indexed), f"{run.indexed:,}") for run in runs}
    shares = {run.run_id: (quarantined_share(run), percent(quarantined_share(run))) for run in runs}
    complete = {run.run_id: (mean, percent(mean)) for run in runs if (mean := mean_completeness(run)) is not None}
    days = [run.began_at[:10] for run in runs]
    charts = [
        trend([series("Rows read", read), series("Customers", made)], days, "Rows read and customers"),
        trend([series("Quarantined", shares)], days, "Share of rows quarantined", shares=True),
        trend([series("Mean completeness", complete)], days, "Mean completeness", shares=True) if len(complete) > 1 else "",
    ]
    rows = [
        [
            escape(run.run_id),
            *(f"{n:,}" for n in (run.rows_read, run.indexed, run.merged)),
            shares[run.run_id][1],
            complete.get(run.run_id, (0, "–"))[1],
        ]
        for run in reversed(runs)
    ]
    headers = ["Run", "Rows read", "Customers", "Merged", "Quarantined", "Completeness"]
    return f"""<h2>Compared with earlier runs</h2>
{"".join(charts)}
<details><summary>The figures of these runs</summary>{table("Runs, newest first", headers, rows, range(1, 6), wide=True)}</details>
"""


def _seconds(seconds: Mapping[str, float]) -> str:
    rows = [Row(stage, spent, f"{spent:,.1f} s") for stage, spent in seconds.items()]
    return f"<h2>Where the time went</h2>{bars(rows, 'Seconds by stage')}"
