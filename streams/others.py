"""Fields that senders send though nobody declared them: ignored, but at no price.

An event with such a field costs a second look at its bytes, four times the decoding. Once a name is known, it is read
with the others and not looked at, and the number of keys comes out even again. Names are data: their number is bounded.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from itertools import islice

from streams import surface

NAMES_MAX = 128
_SEEN_MIN = 32  # sightings after which a name is no accident
_SEEN_MAX = 4_096  # names counted at a time: one that is different in each event is never learned
_LOOKED_AT = 64  # events of a run


class Others:
    """The names learned so far, declared ones among them."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self._seen: Counter[str] = Counter()

    def learn(self, objects: Iterable[bytes]) -> bool:
        """Look at some objects that have undeclared fields and nothing wrong; say whether there is a new name."""
        known = len(self.names)
        for raw in islice(objects, _LOOKED_AT):
            for name in surface.read_all(raw):
                self._seen[name] += 1
                if self._seen[name] == _SEEN_MIN and len(self.names) < NAMES_MAX and name not in self.names:
                    self.names.append(name)
        if len(self._seen) > _SEEN_MAX:
            self._seen.clear()
        return len(self.names) > known
