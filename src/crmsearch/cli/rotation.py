"""``keys rotate``: another master key for the key data of customers."""

import click

from crmsearch.cli.output import json_option, print_json, stages, words
from crmsearch.node import connection
from crmsearch.rotation import finish_rotation, prepare_rotation, rotate_keys
from crmsearch.settings import from_env

__all__ = ["rotate"]


@click.command("rotate")
@click.option("--prepare", "step", flag_value="prepare", help="Make another key, which opens and does not seal yet.")
@click.option("--finish", "step", flag_value="finish", help="Take the old keys away, when nothing is sealed with them.")
@json_option
def rotate(step: str | None, as_json: bool) -> None:
    """Encrypt e-mail addresses, phones and national ids with another master key, while the service runs.

    First --prepare; then give all machines the file of keys and start their services anew, for each reads the keys when it starts. Without
    an option the new key seals from now on: what apps wrote, segments and rows in quarantine are sealed anew, and the customers copied
    into a new generation, as `crmsearch index rebuild` does. Then start the services anew once more. When older generations are pruned,
    --finish takes the old key away; keep it as long as snapshots sealed with it may be needed.

    \b
    Examples:
      crmsearch keys rotate --prepare
      crmsearch keys rotate
      crmsearch index prune --keep 0 && crmsearch keys rotate --finish
    """
    settings = connection(from_env())
    if step is not None:
        vault = prepare_rotation(settings) if step == "prepare" else finish_rotation(settings)
        if as_json:
            print_json({"key_ids": vault.key_ids})
        else:
            words.print(f"keys: {', '.join(vault.key_ids)}; the first one seals. Start every service anew.", highlight=False)
        return
    with stages() as show:
        rotated = rotate_keys(settings, show)
    if as_json:
        print_json(rotated)
        return
    words.print(
        f"live: {rotated.index}, sealed with {rotated.key_id}; so are {rotated.documents:,} documents of the service's state and "
        f"{rotated.rows:,} rows in quarantine. Start every service anew.",
        highlight=False,
    )
