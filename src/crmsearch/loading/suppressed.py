"""How a load is told whom it may not bring back."""

from collections.abc import Iterator
from contextlib import contextmanager

from crmsearch.indexing.suppressions import SuppressionStore
from crmsearch.keyfile import privacy_key
from crmsearch.loading.reports import private_folder
from crmsearch.settings import Settings

__all__ = ["told_of_suppressions"]


@contextmanager
def told_of_suppressions(settings: Settings, store: SuppressionStore, run_id: str) -> Iterator[list[str]]:
    """Arguments of the job that name a file of all who were erased, which is there for the time of the block; none if nobody was.

    Raises:
        ConfigError: people were erased under another key than this machine's.
    """
    suppressions = store.read(privacy_key(settings))
    if suppressions is None:
        yield []
        return
    path = private_folder(settings.paths.state / "suppressions") / f"{run_id}.json"
    try:
        path.touch(mode=0o600)
        path.write_bytes(suppressions.encode())
        yield ["--suppressions", str(path)]
    finally:
        path.unlink(missing_ok=True)
