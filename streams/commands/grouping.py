"""A group of commands that says `did you mean` when it does not know one."""

from __future__ import annotations

import difflib

import click


class NearGroup(click.Group):
    """A group that names the command that was perhaps meant, or else those there are."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that was asked for, or the one that was perhaps meant."""
        there = self.list_commands(ctx)
        if args and not args[0].startswith("-") and args[0] not in there:
            near = difflib.get_close_matches(args[0], there, n=1)
            hint = f"Did you mean '{near[0]}'?" if near else f"There are {', '.join(there)}."
            ctx.fail(f"No such command '{args[0]}'. {hint}")
        return super().resolve_command(ctx, args)
