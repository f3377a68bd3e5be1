"""How the report looks: one column, light or dark as the reader's system, on paper without backgrounds."""

__all__ = ["STYLE"]

STYLE = """
:root { color-scheme: light dark; --ink: #1c2430; --soft: #5b6675; --line: #d9dee6; --paper: #fff; --card: #f5f7fa;
  --accent: #1f6feb; --good: #1a7f4b; --warn: #9a6400; --bad: #b42318 }
@media (prefers-color-scheme: dark) { :root { --ink: #e6eaf0; --soft: #a3aebd; --line: #333c4a; --paper: #12161d; --card: #1b212b;
  --accent: #5b9dff; --good: #4ac288; --warn: #e0a83a; --bad: #ff7b6e } }
* { box-sizing: border-box }
body { margin: 0 auto; max-width: 64rem; padding: 1.5rem 1rem 4rem; background: var(--paper); color: var(--ink);
  font: 16px/1.5 system-ui, "Noto Sans", "Noto Sans CJK SC", "PingFang SC", "Microsoft YaHei", sans-serif }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 0 0 .25rem }
h2 { font-size: 1.25rem; margin: 2.5rem 0 .5rem }
h3 { font-size: 1rem; margin: 1.5rem 0 .25rem }
p, ul { margin: .25rem 0 .75rem; max-width: 46rem }
.about, caption, small { color: var(--soft) }
.verdict { border-left: 4px solid var(--accent); background: var(--card); padding: .75rem 1rem; margin: 1rem 0; max-width: none;
  font-size: 1.15rem }
.verdict.warn { border-color: var(--warn) }
.figures { display: flex; flex-wrap: wrap; gap: .75rem; margin: 1rem 0; padding: 0 }
.figure { flex: 1 1 9rem; background: var(--card); border-radius: 6px; padding: .6rem .9rem }
.figure strong { display: block; font-size: 1.5rem; line-height: 1.2; font-variant-numeric: tabular-nums }
.figure span { color: var(--soft); font-size: .9rem }
.figure.warn strong { color: var(--warn) }
.scroll { overflow-x: auto; margin: .5rem 0 1rem }
.wide table { min-width: 52rem }
.chart { max-width: 46rem; overflow-x: auto; margin: .75rem 0 1.25rem; padding: .25rem; background: #fff;
  border: 1px solid var(--line); border-radius: 6px }
.chart svg { display: block; max-width: 100%; min-width: 36rem; height: auto }
table { border-collapse: collapse; width: 100% }
caption { text-align: left; padding: .25rem 0; font-size: .9rem }
th, td { text-align: left; vertical-align: top; padding: .35rem .75rem .35rem 0; border-bottom: 1px solid var(--line) }
th { font-weight: 600 }
tbody th { font-weight: 400; overflow-wrap: anywhere; min-width: 7rem }
thead th { color: var(--soft); font-size: .85rem; vertical-align: bottom }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap }
.wide tbody th { min-width: 12rem }
code { background: var(--card); border-radius: 3px; padding: 0 .3rem; font: .85em ui-monospace, Consolas, monospace; white-space: pre-wrap;
  overflow-wrap: anywhere }
td code { display: inline-block; margin: 0 .25rem .15rem 0 }
.tag { border: 1px solid currentColor; border-radius: 3px; padding: 0 .35rem; font-size: .8rem; white-space: nowrap }
.tag.reject { color: var(--bad) }
.tag.blank { color: var(--warn) }
.tag.fix { color: var(--good) }
summary { cursor: pointer; padding: .35rem 0 }
@media (max-width: 40rem) { h1 { font-size: 1.4rem } tbody th { min-width: 4.5rem } }
@media print { :root { color-scheme: light; --card: #fff } body { max-width: none; font-size: 11pt } h2 { break-after: avoid }
  tr, figure, .figure { break-inside: avoid } .scroll { overflow: visible } .wide table { min-width: 0 }
  .chart { overflow: visible; print-color-adjust: exact; -webkit-print-color-adjust: exact } }
"""
