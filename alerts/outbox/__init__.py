"""The outbox: takes notifications at once, keeps them on disk until each has met its end, and tries until it has."""
