"""Fuzzing by coverage, with Atheris: ``python -m tests.fuzz [TARGET…] [--seconds N]``, as ``make fuzz`` does.

Each target has a process of its own, since libFuzzer ends the one it runs in. What has led somewhere new is kept under ``--work``, where a
later run begins; what broke the target lies there too, and ``--input`` runs the target on it.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["crmsearch", "tests.fuzz"]):
    from tests.fuzz.targets import TARGETS

LONGEST = 4_096  # bytes; what is longer is longer alike


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"of {', '.join(TARGETS)}; all when left out")
    parser.add_argument("--seconds", type=int, default=180, help="for each target")
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "crmsearch-fuzz", help="folder of what was found")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--input", type=Path, help="one file to run the target on, such as one that was found")
    options = parser.parse_args()
    if unknown := set(options.targets) - TARGETS.keys():
        parser.error(f"no such target: {', '.join(sorted(unknown))}")
    if options.input is not None:
        TARGETS[options.targets[0]][0](options.input.read_bytes())
        return 0
    if options.here:
        _fuzz(options.targets[0], options.seconds, options.work)
    broken = [name for name in options.targets or TARGETS if not _holds(name, options.seconds, options.work)]
    print(f"broken: {', '.join(broken)}" if broken else "nothing was broken")  # noqa: T201 - a script
    return len(broken)


def _holds(name: str, seconds: int, work: Path) -> bool:
    """Whether the target bears it for so long."""
    command = [sys.executable, "-m", "tests.fuzz", name, "--here", "--seconds", str(seconds), "--work", str(work)]
    return subprocess.run(command, check=False).returncode == 0


def _fuzz(name: str, seconds: int, work: Path) -> None:
    """Fuzz in this process, which ends with it."""
    check, seeds = TARGETS[name]
    corpus = work / name
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(seeds):
        (corpus / f"seed-{number}").write_bytes(seed.encode())
    limits = [f"-max_total_time={seconds}", f"-max_len={LONGEST}", "-timeout=10", "-print_final_stats=1", "-verbosity=0"]
    atheris.Setup([sys.argv[0], *limits, f"-artifact_prefix={corpus.parent}/{name}-", str(corpus)], check)
    atheris.Fuzz()


if __name__ == "__main__":
    sys.exit(main())
