"""People at the desk of this worker: their commands go into its log, and what they ask is answered if it is here."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from alerts.commands import Command
from alerts.silences import read_silence
from streams.overview import Overview
from streams.stage import Outgoing
from streams.topics import COMMANDS


class AtDesk:
    """Takes commands to the desk, wherever it is; `clock` tells the time that events live in, milliseconds."""

    def __init__(
        self, overview: Overview, publish: Callable[[Outgoing], Awaitable[None]], clock: Callable[[], int]
    ) -> None:
        self._overview = overview
        self._publish = publish
        self._clock = clock

    async def enter(self, command: Command) -> None:
        """Put a command into the desk's log, wherever the desk is; raise aiokafka's `KafkaError` if it is not safe."""
        await self._publish(Outgoing(COMMANDS, command.encode(), command.command.encode()))

    def outcome(self, command: str) -> str | None:
        """Say what came of a command, if the desk is here and knows it."""
        return next((told for stage in self._overview.desks if (told := stage.desk.outcome(command))), None)

    def incident(self, incident: str) -> Mapping[str, Any] | None:
        """Tell all of an incident, if the desk is here and keeps it."""
        for stage in self._overview.desks:
            known = stage.desk.incidents.get(incident)
            if known is not None:
                followed = stage.desk.callout.escalations.get(incident)
                return {**known.as_data(), "escalation": None if followed is None else followed.as_data()}
        return None

    def silences(self) -> list[dict[str, Any]]:
        """List the silences that hold or will, if the desk is here, the next to end first."""
        known = [each for stage in self._overview.desks for each in stage.desk.silences.all()]
        return [each.as_data() for each in known if each.ends_ms > self._clock()]

    def preview(self, asked: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Say what a silence would hide of what fires now, worst first. Raise SilenceError if it cannot be read."""
        now_ms = self._clock()
        silence = read_silence("preview", "preview", asked, now_ms)
        return [
            {"incident": incident.id, "rule": incident.rule, "level": incident.level, "hidden": len(hidden)}
            for stage in self._overview.desks
            for incident, hidden in stage.desk.preview(silence, now_ms)
        ]
