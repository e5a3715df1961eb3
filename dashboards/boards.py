"""Where the committed dashboards are, and how they are written: the same bytes on every run."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).parent / "json"


def render() -> dict[str, str]:
    """Build every dashboard. Return file name → JSON text. Needs grafana-foundation-sdk (the extra `dev`)."""
    from grafana_foundation_sdk.cog.encoder import JSONEncoder

    from dashboards.overview import overview

    encoder = JSONEncoder(sort_keys=True, indent=2, ensure_ascii=False)
    return {"overview.json": encoder.encode(overview().build()) + "\n"}


def committed() -> dict[str, str]:
    """Read what is committed: file name → JSON text."""
    return {path.name: path.read_text(encoding="utf-8") for path in sorted(FOLDER.glob("*.json"))}
