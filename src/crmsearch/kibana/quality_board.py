"""The dashboard about the data themselves: *Data quality*. Data only."""

from crmsearch.indexing.mappings import CUSTOMER_REF
from crmsearch.kibana.base_boards import BUYERS, Board
from crmsearch.kibana.lens import Bands, Measure, Months, Panel, Ratio, Terms

__all__ = ["QUALITY"]

_COUNT = Measure("count")
_REVENUE = Measure("sum", "revenue", "Revenue")
_THIRD, _HALF = (16, 12), (24, 12)

_FILLED = ("age", "gender", "city", "industry", "created_at", "last_activity_at", "consents", "order_count")

QUALITY = Board(
    name="quality",
    title="Data quality",
    description="How well do we know our customers, what is wrong with the data, and which source should mend it?",
    controls=("source_system", "quality_issues", "country", "run_id"),
    ranges=("quality_score", "merged_count"),
    panels=(
        Panel(
            name="score",
            title="Mean quality",
            description="How well is a customer known on average?",
            kind="metric",
            measures=(Measure("average", "quality_score", "Mean quality score"),),
            size=(12, 5),
        ),
        Panel(
            name="clean",
            title="Without an issue",
            description="Of what share of the customers had no value to be mended or dropped?",
            kind="metric",
            measures=(Ratio("Without an issue", Measure("count", where="not quality_issues: *"), _COUNT),),
            size=(12, 5),
        ),
        Panel(
            name="records",
            title="Records behind the customers",
            description="Of how many source records are the customers made?",
            kind="metric",
            measures=(Measure("sum", "merged_count", "Source records"), _COUNT),
            size=(12, 5),
        ),
        Panel(
            name="merged",
            title="Made of several records",
            description="What share of the customers was there more than once?",
            kind="metric",
            measures=(Ratio("Made of several records", Measure("count", where="merged_count > 1"), _COUNT),),
            size=(12, 5),
        ),
        Panel(
            name="issues",
            title="Most frequent issues",
            description="Which rule had to mend or drop a value most often?",
            kind="bars",
            measures=(_COUNT,),
            groups=(Terms("quality_issues", 15),),
            size=_HALF,
        ),
        Panel(
            name="issues-by-source",
            title="Issues by source",
            description="Which source should be told of which issue?",
            kind="heat",
            measures=(_COUNT,),
            groups=(Terms("source_system", 8), Terms("quality_issues", 12)),
            size=_HALF,
        ),
        Panel(
            name="completeness",
            title="Completeness by source",
            description="Which source leaves which field empty? Share of customers with a value.",
            kind="table",
            measures=(
                _COUNT,
                *(Ratio(f"With {name.replace('_', ' ')}", Measure("count", where=f"{name}: *"), _COUNT) for name in _FILLED),
            ),
            groups=(Terms("source_system", 10, rest=True),),
            size=(48, 10),
        ),
        Panel(
            name="score-bands",
            title="Quality by source",
            description="Are there a few bad customers or many middling ones, and whose are they?",
            kind="columns",
            measures=(_COUNT,),
            groups=(Bands("quality_score", (0, 0.2, 0.4, 0.6, 0.8)), Terms("source_system", 8)),
            size=_THIRD,
        ),
        Panel(
            name="duplicates",
            title="Records of one customer",
            description="How often is somebody entered again? Very many records of one customer are worth a look.",
            kind="columns",
            measures=(_COUNT,),
            groups=(Bands("merged_count", (1, 2, 3, 4, 5, 10)),),
            size=_THIRD,
        ),
        Panel(
            name="confidence",
            title="Certainty of merges",
            description="How sure are we of the customers that were put together?",
            kind="columns",
            measures=(_COUNT,),
            groups=(Bands("match_confidence", (0.9, 0.95, 0.99, 0.999)),),
            where="merged_count > 1",
            size=_THIRD,
        ),
        Panel(
            name="by-month",
            title="Quality by month of creation (follows the time picker)",
            description="Do we enter customers better than we used to?",
            kind="columns",
            measures=(Measure("average", "quality_score", "Mean quality score"),),
            groups=(Months("created_at"),),
            size=_HALF,
            view="dated",
        ),
        Panel(
            name="mend-first",
            title="Mend first",
            description="Which valuable customers do we know badly? The link opens the customer in the console.",
            kind="table",
            measures=(_REVENUE, Measure("average", "quality_score", "Quality score"), Measure("sum", "merged_count", "Source records")),
            groups=(Terms(CUSTOMER_REF, 50),),
            where=f"quality_score < 0.6 and {BUYERS}",
            size=_HALF,
        ),
    ),
)
