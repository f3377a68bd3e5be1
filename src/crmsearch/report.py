"""The run report as a self-contained page for people who do not read JSON."""

from html import escape

from crmsearch.contract import RunReport

__all__ = ["render_report"]

_STYLE = """
:root { color-scheme: light dark; font-family: system-ui, sans-serif; line-height: 1.5 }
body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse; width: 100%; margin-bottom: 2rem }
th, td { text-align: left; padding: .35rem .75rem; border-bottom: 1px solid color-mix(in srgb, currentColor 20%, transparent) }
td.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap }
td.bar { width: 45% }
td.bar div { background: #2563eb; height: .9rem; border-radius: 2px; min-width: 1px }
"""


def render_report(report: RunReport) -> str:
    """HTML without references to anything outside itself."""
    outcome = {"indexed" if report.index else "customers": report.indexed, "merged": report.merged, "quarantined": report.quarantined}
    inputs = [
        f"<tr><td>{escape(each.path)}</td><td>{escape(each.format)}, {escape(each.encoding)}</td><td class=number>{each.rows_read:,}</td>"
        f"<td class=number>{each.quarantined:,}</td><td>{escape(', '.join(each.unmapped)) or '–'}</td></tr>"
        for each in report.inputs
    ]
    return f"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Run {escape(report.run_id)}</title>
<style>{_STYLE}</style>
<h1>Run {escape(report.run_id)}</h1>
<p>Began {escape(report.began_at)}, took {sum(report.seconds.values()):.1f} s. {report.rows_read:,} rows were read.</p>
<h2>What became of them</h2>
{_bars(outcome, report.rows_read)}
<h2>Why rows were quarantined</h2>
{_bars(report.quarantined_by_reason, report.rows_read)}
<h2>Values mended or dropped</h2>
{_bars(report.issues, report.rows_read)}
<h2>Sources</h2>
<table><tr><th>File</th><th>Read as</th><th>Rows</th><th>Quarantined</th><th>Columns not used</th></tr>
{"".join(inputs)}
</table>
</html>
"""


def _bars(counts: dict[str, int], whole: int) -> str:
    if not counts:
        return "<p>None.</p>"
    rows = [
        f"<tr><td>{escape(name)}</td><td class=number>{count:,}</td><td class=number>{count / whole:.1%}</td>"
        f'<td class=bar><div style="width:{100 * count / whole:.2f}%"></div></td></tr>'
        for name, count in counts.items()
    ]
    return f"<table>{''.join(rows)}</table>"
