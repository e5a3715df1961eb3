"""Policy: what a change of level means to people. Incidents, notices, who hears what; no broker."""
