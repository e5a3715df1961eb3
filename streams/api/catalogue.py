"""Every route there is, of all tables: a new table is named here, and is then served and described."""

from __future__ import annotations

from streams.api import alertmanager_table, history_table, table
from streams.api.route import Route

CATALOGUE: tuple[Route, ...] = (*table.ROUTES, *history_table.ROUTES, *alertmanager_table.ROUTES)
