"""``python -m tests.bench.relevance``: a quick look at how well customers are found; nothing is recorded."""

import argparse
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from crmsearch import node
from crmsearch.cli.output import print_json, words
from crmsearch.errors import CrmSearchError
from crmsearch.settings import ApiSettings, Settings, from_env
from tests.bench.relevance.febrl import FEBRL
from tests.bench.relevance.kinds import KINDS, PER_KIND
from tests.bench.relevance.latency import measure_latency
from tests.bench.relevance.measure import measure_relevance
from tests.bench.relevance.sides import SIDES
from tests.bench.relevance.table import print_failures, print_relevance
from tests.bench.relevance.verdict import BASE_ROWS, judge
from tests.node_fixture import local_settings

_DESCRIPTION = """\
How well customers are found: judged questions of every kind, put to the search and to two plain baselines over the same customers, in a
local node of its own or in the one that CRMSEARCH_ELASTICSEARCH_URL names. Nothing is recorded; `python -m tests.bench` does that.
"""
_EXAMPLES = """\
examples:
  python -m tests.bench.relevance --work /var/tmp/bench                     everything, about 5 minutes on 2 cores
  python -m tests.bench.relevance --kinds name "e-mail" --sides crmsearch   kinds that begin like this, no baselines
  python -m tests.bench.relevance --failures "Chinese homophone"            what was asked, who was meant, who came first
  python -m tests.bench.relevance --latency --rows 100000                   through the API, straight, and the plain baseline
"""


def main() -> int:
    every = (*KINDS, *FEBRL)
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench.relevance",
        description=_DESCRIPTION,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--rows", type=int, default=BASE_ROWS, help=f"customers of the base (default {BASE_ROWS})")
    parser.add_argument("--seed", type=int, default=7, help="seed of sample and questions (default 7)")
    parser.add_argument("--kinds", nargs="+", metavar="KIND", help="kinds of question, or beginnings of their names (default all)")
    parser.add_argument("--per-kind", type=int, default=PER_KIND, help=f"questions of each kind (default {PER_KIND})")
    parser.add_argument("--sides", nargs="+", choices=SIDES, default=list(SIDES), help="who is asked (default all)")
    parser.add_argument("--work", type=Path, help="folder that keeps the customers for the next time (default: a temporary one)")
    parser.add_argument("--keep", action="store_true", help="keep the indices in the given Elasticsearch for the next time")
    parser.add_argument("--failures", metavar="KIND", help="show the questions of this kind whose right answer is not our first hit")
    parser.add_argument("--latency", action="store_true", help="measure how fast instead of how well")
    arguments = parser.parse_args()
    wanted = arguments.kinds or ([arguments.failures] if arguments.failures else [""])
    kinds = [name for name in every if any(name.startswith(word) for word in wanted)]
    if not kinds:
        parser.error(f"no such kind; there are: {', '.join(every)}")
    if arguments.keep and not from_env().elasticsearch.url:
        parser.error("--keep needs an Elasticsearch that stays: set CRMSEARCH_ELASTICSEARCH_URL")
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with _settings() as settings, tempfile.TemporaryDirectory(prefix="crmsearch-bench-") as folder:
            work = arguments.work or Path(folder)
            if arguments.latency:
                print_json(measure_latency(settings, work, arguments.rows, arguments.seed, keep=arguments.keep))
                return 0
            figures, rounds = measure_relevance(
                settings,
                work,
                arguments.rows,
                arguments.seed,
                kinds=kinds,
                per_kind=arguments.per_kind,
                sides=arguments.sides,
                keep=arguments.keep,
            )
            print_relevance(figures)
            if arguments.failures:
                for each in rounds:
                    print_failures([one for one in each.answered if one.question.kind.startswith(arguments.failures)], each.documents)
    except CrmSearchError as error:
        words.print(f"error: {error.detail}", markup=False, highlight=False)
        return error.exit_code
    except KeyboardInterrupt:
        words.print("interrupted")
        return 130
    missed = [aim for aim in judge(figures) if aim.shortfall]
    for aim in missed:
        words.print(f"not met: {aim.figure} is {aim.value:.4g}, {aim.bound}", highlight=False)
    return 1 if missed else 0


@contextmanager
def _settings() -> Iterator[Settings]:
    """Those of the Elasticsearch that the environment names, or of a local node for as long as it is needed."""
    given = from_env()
    if given.elasticsearch.url:
        yield given
        return
    with local_settings(heap="2g") as own:
        yield node.ensure(msgspec.structs.replace(own, api=ApiSettings()))


if __name__ == "__main__":
    sys.exit(main())
