"""``completion`` and ``manual``: what the command line knows of itself."""

from collections.abc import Iterator

import click
from click.shell_completion import get_completion_class

__all__ = ["completion", "manual"]

_WIDTH = 110  # of the help texts in the manual, whatever the terminal has
_HEAD = """# Command line

All commands with their help, as `crmsearch manual` prints them. `crmsearch COMMAND --help` shows one. Data goes to stdout, words go to
stderr, and `--json` is for machines. `crmsearch completion bash|zsh|fish` prints what makes your shell complete commands and options.
"""


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print a script that makes the shell complete commands and options.

    \b
    Examples:
      crmsearch completion bash > ~/.local/share/bash-completion/completions/crmsearch
      crmsearch completion zsh > "${fpath[1]}/_crmsearch"
      crmsearch completion fish > ~/.config/fish/completions/crmsearch.fish
    """
    kind = get_completion_class(shell)
    assert kind is not None, "the choice is among those that click has"
    click.echo(kind(context.find_root().command, {}, "crmsearch", "_CRMSEARCH_COMPLETE").source())


@click.command()
@click.pass_context
def manual(context: click.Context) -> None:
    """Print the help of all commands as one page in Markdown.

    \b
    Example:
      crmsearch manual | less
    """
    click.echo("\n".join((_HEAD, *_sections(context.find_root().command, None))), nl=False)


def _sections(command: click.Command, parent: click.Context | None) -> Iterator[str]:
    name = "crmsearch" if parent is None else command.name
    settings = {**command.context_settings, "terminal_width": _WIDTH, "max_content_width": _WIDTH}
    context = click.Context(command, parent=parent, info_name=name, **settings)
    yield f"## {context.command_path}\n\n```text\n{command.get_help(context)}\n```\n"
    if isinstance(command, click.Group):
        for each in command.list_commands(context):
            found = command.get_command(context, each)
            if found is not None and not found.hidden:
                yield from _sections(found, context)
