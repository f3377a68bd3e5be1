"""Where the files beside the code lie: ``mappings/`` and ``spark/``, in a checkout or in an installed wheel."""

from pathlib import Path

__all__ = ["jobs_root", "mappings_dir"]

_PACKAGE = Path(__file__).resolve().parent
# The wheel carries both folders under crmsearch/_bundled; a checkout has them at its top level.
_BUNDLED = _PACKAGE / "_bundled"
_ROOT = _BUNDLED if _BUNDLED.is_dir() else _PACKAGE.parent.parent


def mappings_dir() -> Path:
    """Folder of the index mappings and settings."""
    return _ROOT / "mappings"


def jobs_root() -> Path:
    """Folder that holds the ``spark`` package."""
    return _ROOT
