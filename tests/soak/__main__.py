"""``python -m tests.soak``: the proofs that take long, on a local node of their own in a temporary folder."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import click
import msgspec

from crmsearch import node
from crmsearch.cli.output import words
from crmsearch.settings import ApiSettings, Settings
from tests.bench.results import Aim, Result, describe_machine, describe_versions, print_result, save_result
from tests.documents import own_prefix
from tests.node_fixture import local_settings, mortal_node
from tests.soak.kills import CUSTOMERS, Soak, short_leases
from tests.soak.load import measure_load
from tests.soak.promotions import measure_promotions

NODE_HEAP = "1g"

_DESCRIPTION = """\
Proofs that take long, on a local node of their own:

  kills       loads, and Elasticsearch, killed at random moments; after each kill readers must see one whole base
  promotions  searches by several clients while generations are promoted and pruned; none may fail or see two bases
  load        many clients for many minutes; nothing may fail, and neither the slowest answers nor memory may grow

The figures of the last two go to tests/bench/results/<day>-soak-<proof>.json. Exit code 1 when an aim is not met.
"""


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.soak", description=_DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    proofs = parser.add_subparsers(dest="proof", required=True)
    kills = proofs.add_parser("kills")
    kills.add_argument("--runs", type=int, default=200, help="loads to kill (default 200)")
    promotions = proofs.add_parser("promotions")
    promotions.add_argument("--searches", type=int, default=10_000, help="searches to be answered (default 10,000)")
    load = proofs.add_parser("load")
    load.add_argument("--clients", type=int, default=64, help="clients at once (default 64)")
    load.add_argument("--minutes", type=int, default=10, help="how long (default 10)")
    load.add_argument("--rows", type=int, default=20_000, help="rows of the sample that is searched (default 20,000)")
    for proof in (kills, promotions, load):
        proof.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    # What ends the run must end the node and the API too.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if given.proof == "kills":
        return _kill(given.runs, given.seed)
    if given.proof == "promotions":
        return _measure(given.proof, CUSTOMERS, given.seed, lambda settings: measure_promotions(settings, given.searches, words.print))
    return _measure(
        given.proof,
        given.rows,
        given.seed,
        lambda settings: measure_load(settings, given.rows, given.seed, given.clients, given.minutes, words.print),
    )


def _kill(runs: int, seed: int) -> int:
    with mortal_node() as mortal, own_prefix(short_leases(mortal.settings), "soak") as (settings, lifecycle):
        soak = Soak(settings, lifecycle, mortal, seed)
        soak.run(runs, words.print)
    click.echo(f"seed {seed}: {runs} kills, no base lost or mixed: {dict(soak.outcomes)}")
    return 0


def _measure(proof: str, rows: int, seed: int, measure: Callable[[Settings], tuple[dict[str, Any], list[Aim]]]) -> int:
    load_average = os.getloadavg()
    began_at = datetime.now(UTC).isoformat(timespec="seconds")
    with local_settings(heap=NODE_HEAP) as own:
        # The API is measured as it is by default, whatever the environment sets.
        settings = node.ensure(msgspec.structs.replace(own, api=ApiSettings()))
        versions = describe_versions(settings)
        figures, aims = measure(settings)
    result = Result(
        began_at=began_at,
        rows=rows,
        seed=seed,
        load_average_before=load_average,
        machine={**describe_machine(), "node_heap": NODE_HEAP},
        versions=versions,
        figures={proof: figures},
        aims=aims,
    )
    path = save_result(result, "soak", proof)
    print_result(result, {})
    words.print(f"figures: {path}", highlight=False)
    return 1 if any(aim.shortfall for aim in aims) else 0


if __name__ == "__main__":
    sys.exit(main())
