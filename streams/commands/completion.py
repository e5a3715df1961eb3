"""`tocsin completion`: what a shell reads to complete commands and options when Tab is pressed."""

from __future__ import annotations

import os
from pathlib import Path

import click
from click.shell_completion import get_completion_class

_SHELLS = ("bash", "zsh", "fish")


@click.command()
@click.argument("shell", type=click.Choice(_SHELLS), required=False)
@click.pass_context
def command(context: click.Context, shell: str | None) -> None:
    r"""Write the script by which a shell completes commands and options. The shell is the one in use, if none is named.

    \b
    eval "$(tocsin completion bash)"                       in ~/.bashrc
    eval "$(tocsin completion zsh)"                        in ~/.zshrc
    tocsin completion fish > ~/.config/fish/completions/tocsin.fish
    """
    shell = shell or Path(os.environ.get("SHELL", "")).name
    complete = get_completion_class(shell) if shell in _SHELLS else None
    if complete is None:
        raise click.UsageError(f"Which shell? Name one: {', '.join(_SHELLS)}.")
    program = context.find_root().command
    # the text alone: `source()` would first run bash to look at its version, and not every machine has one
    text = complete(program, {}, "tocsin", "_TOCSIN_COMPLETE")
    click.echo(text.source_template % text.source_vars())
