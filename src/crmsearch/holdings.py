"""Everything that one installation holds of people, as those go through it who answer them or clear it up."""

from crmsearch.indexing.erasure import Erasure
from crmsearch.indexing.lifecycle import Lifecycle
from crmsearch.indexing.runs import RunStore
from crmsearch.quarantine import quarantine_folder
from crmsearch.settings import Settings

__all__ = ["Holdings"]


class Holdings:
    """The generations, the runs, what finds and removes single customers, and the rows in quarantine."""

    def __init__(self, settings: Settings, lifecycle: Lifecycle, runs: RunStore, erasure: Erasure) -> None:
        self._settings = settings
        self._lifecycle = lifecycle
        self._runs = runs
        self._erasure = erasure
        self._quarantine = quarantine_folder(settings)
