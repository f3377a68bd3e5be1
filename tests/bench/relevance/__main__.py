"""``python -m tests.bench.relevance``: a quick look at how well customers are found."""

import argparse
import signal
import sys
import tempfile
from pathlib import Path

import msgspec

from crmsearch import node
from crmsearch.cli.output import words
from crmsearch.errors import CrmSearchError
from crmsearch.settings import ApiSettings, from_env
from tests.bench.relevance.febrl import FEBRL
from tests.bench.relevance.kinds import KINDS, PER_KIND
from tests.bench.relevance.measure import measure_relevance
from tests.bench.relevance.sides import SIDES
from tests.bench.relevance.table import print_failures, print_relevance
from tests.node_fixture import local_settings


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.relevance", description=__doc__)
    parser.add_argument("--rows", type=int, default=5000, help="customers of the base (default 5000)")
    parser.add_argument("--seed", type=int, default=7, help="seed of sample and questions (default 7)")
    parser.add_argument("--kinds", nargs="+", metavar="KIND", help="kinds of question, or beginnings of their names (default all)")
    parser.add_argument("--per-kind", type=int, default=PER_KIND, help=f"questions of each kind (default {PER_KIND})")
    parser.add_argument("--sides", nargs="+", choices=SIDES, default=list(SIDES), help="who is asked (default all)")
    parser.add_argument("--work", type=Path, help="folder that keeps the base for the next time (default: a temporary one)")
    parser.add_argument("--failures", metavar="KIND", help="show the questions of this kind that were not answered right")
    arguments = parser.parse_args()
    every = (*KINDS, *FEBRL)
    wanted = arguments.kinds or ([arguments.failures] if arguments.failures else [""])
    kinds = [name for name in every if any(name.startswith(word) for word in wanted)]
    if not kinds:
        parser.error(f"no such kind; there are: {', '.join(every)}")
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with tempfile.TemporaryDirectory(prefix="crmsearch-bench-") as folder, local_settings(heap="2g") as own:
            given = from_env()
            settings = given if given.elasticsearch.url else node.ensure(msgspec.structs.replace(own, api=ApiSettings()))
            figures, rounds = measure_relevance(
                settings,
                arguments.work or Path(folder),
                arguments.rows,
                arguments.seed,
                kinds=kinds,
                per_kind=arguments.per_kind,
                sides=arguments.sides,
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
    return 0


if __name__ == "__main__":
    sys.exit(main())
