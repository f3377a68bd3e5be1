"""Figures derived from run reports, and the sentence that sums a run up."""

from crmsearch.contract import FieldQuality, RunReport

__all__ = ["compared_fields", "mean_completeness", "quarantined_share", "verdict", "wants_a_look"]

_MANY_REJECTED = 0.05  # share of quarantined rows from which a source wants a look
_FELL = 0.02  # loss of mean completeness since the run before that is more than noise


def quarantined_share(report: RunReport) -> float:
    """Rows of customers in quarantine over rows of customers read, from 0 to 1; 0 where nothing was read."""
    return report.quarantined / report.rows_read if report.rows_read else 0.0


def wants_a_look(report: RunReport) -> bool:
    """Tell whether the run failed, or so many rows of customers are in quarantine that something must be wrong with a source."""
    return report.failure is not None or quarantined_share(report) >= _MANY_REJECTED


def compared_fields(report: RunReport) -> list[FieldQuality]:
    """The fields that a source had, in the order of the catalogue; the others were filled by the run itself."""
    return [each for each in report.fields if each.valid is not None]


def mean_completeness(report: RunReport) -> float | None:
    """Mean over the fields that a source had of the share of customers with a value; ``None`` if that was not measured."""
    fields = compared_fields(report)
    return sum(each.filled_after for each in fields) / len(fields) if fields else None


def verdict(report: RunReport, before: RunReport | None = None) -> str:
    """What a reader must know, in at most three plain sentences; ``before`` is the run before this one."""
    customers = f"{report.indexed:,} customer{'s' if report.indexed != 1 else ''}"
    made = f"{report.rows_read:,} rows became {customers}" if report.rows_read != 1 else f"One row became {customers}"
    if report.mode == "incremental":
        made = f"Of {report.rows_read:,} rows {report.indexed + report.merged:,} were new or changed"
        made += f"; {report.removed:,} removed one and {report.unchanged:,} said nothing new"
    elif report.merged:
        made += f": {report.merged:,} were duplicates and joined them"
    if report.failure is not None:
        live = (
            "nothing went live" if report.mode == "full" else "a part of the changes may be live; the same input once more makes it whole"
        )
        made = f"The run failed and {live}: {report.failure}"
    sentences = [made + "."]
    share = quarantined_share(report)
    if not report.quarantined:
        sentences.append("No row had to be set aside.")
    else:
        customers_files = [each for each in report.inputs if each.kind == "customers"]
        worst = next((each for each in customers_files if 2 * each.quarantined > report.quarantined), None)
        where = f", most of them in {worst.path.rpartition('/')[2]}" if worst and len(customers_files) > 1 else ""
        set_aside = f"{report.quarantined:,} rows ({share:.1%}) could not be used and were set aside"
        sentences.append(f"{set_aside}{where}{'; the source wants a look' if wants_a_look(report) else ''}.")
    now, then = mean_completeness(report), mean_completeness(before) if before else None
    if now is not None and then is not None and then - now > _FELL:
        sentences.append(f"On average a field is filled for {now:.0%} of the customers, down from {then:.0%} in the run before.")
    elif now is not None:
        sentences.append(f"On average a field is filled for {now:.0%} of the customers.")
    return " ".join(sentences)
