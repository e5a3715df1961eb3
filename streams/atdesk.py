"""People at the desk: their commands go into its log, wherever it is, and what they ask is answered if it is here."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from aiokafka.errors import KafkaError

from alerts.callout import Crew
from alerts.commands import Command
from alerts.desk import Desk
from detectors.rules import Rule
from streams.commandlog import LogAwayError
from streams.overview import Overview
from streams.stage import Outgoing
from streams.topics import COMMANDS


class AtDesk:
    """What the page's address knows of the desk. `rules` and `crew` give those in force: a reload changes them."""

    def __init__(
        self,
        overview: Overview,
        publish: Callable[[Outgoing], Awaitable[None]],
        *,
        channels: Sequence[str],
        rules: Callable[[], Sequence[Rule]],
        crew: Callable[[], Crew],
    ) -> None:
        self.channels = channels
        self._overview = overview
        self._publish = publish
        self._rules = rules
        self._crew = crew

    async def enter(self, command: Command) -> None:
        """Put a command into the desk's log, wherever the desk is. Raise LogAwayError if it is not safe there."""
        try:
            await self._publish(Outgoing(COMMANDS, command.encode(), command.command.encode()))
        except (KafkaError, RuntimeError) as error:  # RuntimeError: Kafka is not, or no longer, connected
            raise LogAwayError("the desk's log cannot be written now: try the same command again") from error

    def outcome(self, command: str) -> str | None:
        """Say what came of a command, if the desk is here and knows it."""
        return next((told for stage in self._overview.desks if (told := stage.desk.outcome(command))), None)

    @property
    def desk(self) -> Desk | None:
        """The desk, if it is here."""
        return next((stage.desk for stage in self._overview.desks), None)

    @property
    def rules(self) -> Sequence[Rule]:
        """The rules in force."""
        return self._rules()

    @property
    def crew(self) -> Crew:
        """The ladders, and who is on them."""
        return self._crew()
