"""The table of results in docs/reliability.md."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from tests.faults.campaign import Campaign
from tests.faults.findings import Findings

_PAGE = Path(__file__).resolve().parents[2] / "docs" / "reliability.md"
_BEGIN, _END = "<!-- make faults -->", "<!-- end of make faults -->"


def rows(campaign: Campaign, found: Findings, names: Sequence[str], minutes: float) -> str:
    """Write the results of a campaign, of the faults named or of so many minutes, as a table of Markdown."""
    tried = sum(map(len, campaign.recovered_s.values()))
    brokers = len(campaign.kafka.bootstrap.split(","))
    much = f'FAULT="{";".join(names)}"' if names else f"MINUTES={minutes:g}"
    asked = f"`make faults BROKERS={brokers} SEED={campaign.seed} {much}`"
    ran = f"{asked}, session timeout {campaign.session_s:g} s"
    where = f"Python {platform.python_version()}, {os.cpu_count()} cores"
    sums = f"**lost {found.lost}, doubled {found.doubled}** ({found.told_again:,} told twice alike)"
    amounts = f"{found.events:,} records, {found.alerts:,} alert records, {found.letters:,} dead letters"
    lines = [
        f"{datetime.now(UTC):%Y-%m-%d}, {where}, {ran}:",
        "",
        f"{tried} faults, {amounts}: {sums}.",
        "",
        "| Fault | Tried | Time to recover: median | max |",
        "|---|---|---|---|",
    ]
    for name, took in sorted(campaign.recovered_s.items()):
        lines.append(f"| {name} | {len(took)} | {median(took):.1f} s | {max(took):.1f} s |")
    return "\n".join(lines)


def write(table: str, page: Path = _PAGE) -> None:
    """Put the table between the marks of the page."""
    text = page.read_text(encoding="utf-8")
    before, _, rest = text.partition(_BEGIN)
    _, _, after = rest.partition(_END)
    page.write_text(f"{before}{_BEGIN}\n{table}\n{_END}{after}", encoding="utf-8")
