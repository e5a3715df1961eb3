"""`unusual`: how far a value is from the usual for this hour and weekday, as −log10 of the tail probability.

A series has 168 slots, one for each hour of the week, and in each the mean of what it was there, forgetting
exponentially. What is expected at a time lies between the slots before and after it, so that a steep morning is not
taken for a surge; where the hour as a whole is further out than that, as at a door that opens, the hour counts. A slot
that has seen little leans on the same hour of the other days. Counts follow the last day as well: on a busy Thursday
the evening is expected to be busy too.

Nothing unusual is learned. What lies outside three standard deviations is cut off there (the Huber-type cleaning of
Gelper, Fried and Croux, *Robust forecasting with exponential and Holt–Winters smoothing*, 2010), and while it lasts
nothing is learned at all, for 12 hours; a change that stays longer is the new usual, and so is one that comes again a
week later at the same hour (a centre that opens earlier now). How widely a series spreads is
learned the same way, as variance ÷ mean of counts (they are rarely Poisson) or as the mean deviation of the rest.

Hours and days are those of the site's clock. A holiday is judged by Sundays, and by how busy the last holidays were
beside them; nothing else is learned of it, so that the weekday it falls on stays what it is. So are days of the month
that the rule names, each by the same day of the months before (`detectors.monthdays`).

A series needs about 2 kB.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from detectors.batch import Bool, Float64, Int64
from detectors.columns import grown
from detectors.durations import FOREVER, UNIT_MS
from detectors.monthdays import MonthDays
from detectors.outlook import next_step, step_of
from detectors.rules import Kind, Rule
from detectors.tails import DISPERSION_MIN, MEAN_MIN, count_tail, gauge_tail
from detectors.weekhours import HOURS, WeekHours

STEP_MS = 15 * UNIT_MS["m"]
LEARNING_MS = 7 * UNIT_MS["d"]
"""How long a series is watched before anything is called unusual: each hour of the week was there once."""

SEEN_MAX = 32
"""Steps a slot remembers, about: eight weeks of four steps an hour."""

LEAN = 1.0
"""What the same hour of the other days weighs beside the steps that a slot has seen itself."""

CUT = 3.0
HOLD_MS = UNIT_MS["h"] * 12
LASTING_MS = 30 * UNIT_MS["m"]
"""How long an hour must be unusual to be known again a week later: chance alone does not last."""

SPREAD_STEPS = 300  # three days: what the spread remembers
DISPERSION_START, SPREAD_START = 2.0, 10  # what counts are taken to spread at first, and how many steps that weighs
RECENT_MS = UNIT_MS["d"]
RECENT_START = 20.0  # events the last day must have before it is believed to be busier or calmer than others
RECENT_MAX = 4.0
_DEVIATIONS = 1.2533141373155001  # √(π/2): the standard deviation of a normal distribution in mean deviations
_DEVIATION_MIN = 0.05  # of the mean: gauges that never moved may move a little

_COUNTS = (Kind.COUNT, Kind.DISTINCT, Kind.NOW_COUNT, Kind.NOW_DISTINCT)
_NEVER = -FOREVER


class Baseline:
    """What is usual for every series of one rule."""

    def __init__(self, rule: Rule) -> None:
        assert rule.measure.base is not None
        self._counts = rule.measure.base.kind in _COUNTS
        self._low = rule.measure.low
        self._hours = WeekHours(rule.almanac)
        self._window_ms = rule.window_ms
        self._step_ms = step_of(STEP_MS, rule.hop_ms)
        self._fade = max(0.0, 1.0 - self._step_ms / RECENT_MS)
        self._month = MonthDays(rule.measure.month_days, self._hours, self._step_ms)
        self.next_ms = FOREVER
        self._shown_ms = _NEVER  # when `_shown` was shown: it is learned one step later
        self._means = np.zeros((0, HOURS))
        self._seen = np.zeros((0, HOURS), np.int8)
        self._begun_ms = np.zeros(0, np.int64)
        self._spread = np.zeros(0)  # variance ÷ mean of counts, mean deviation of the rest
        self._spread_seen = np.zeros(0, np.int32)
        self._recent = np.zeros((0, 2))  # over the last day: what was, and what the slots alone expected
        self._feast = np.zeros((0, 2))  # the same, over the last holidays
        self._held = np.zeros(0, np.int32)  # steps without a break that were too unusual to learn from
        self._refused = np.zeros((0, HOURS), np.int16)  # when a slot was last too unusual to learn from
        self._shown = np.zeros(0)
        self._slots = np.zeros(0)  # what the slots expect until the next step
        self._usual = np.zeros(0)  # the same with the last day counted in, NaN = unknown
        self._judged = np.zeros(0)  # the same, or the mean of the hour where that is nearer to what would be unusual
        self._range = np.zeros(0)  # its dispersion or deviation
        self._ready = np.zeros(0, np.bool_)  # whether anything may be called unusual
        self._sound = np.zeros(0, np.bool_)  # whether its hours are known, if not this day of the month
        self._names = (*self._STATE, *self._DERIVED, *(("sound",) if self._month else ()))

    _STATE = ("means", "seen", "begun_ms", "spread", "spread_seen", "recent", "feast", "held", "refused", "shown")
    _DERIVED = ("slots", "usual", "judged", "range", "ready")

    def begin(self, size: int, time_ms: int) -> None:
        """Make room; new series know nothing."""
        if self.next_ms == FOREVER:
            self.next_ms = next_step(time_ms, self._step_ms)
        fills = {"begun_ms": FOREVER, "shown": np.nan, "slots": np.nan, "usual": np.nan}
        fills["refused"] = -1
        fills["spread"] = DISPERSION_START if self._counts else 0.0
        fills["spread_seen"] = SPREAD_START if self._counts else 0
        for name in (*self._STATE, *self._DERIVED, "sound"):
            setattr(self, f"_{name}", grown(getattr(self, f"_{name}"), size, fills.get(name, 0)))
        self._month.begin(size)
        self._begun_ms[:size] = np.minimum(self._begun_ms[:size], time_ms)

    def learn(self, values: Float64, time_ms: int) -> None:
        """Learn what was shown a step ago, find what to expect until the next, and keep the values for then."""
        size = len(values)
        if self._shown_ms != _NEVER:
            self._absorb(size)
        self._expect(size, time_ms)
        whole = self._begun_ms[:size] + self._window_ms <= time_ms  # a first, partial window is no value
        self._shown[:size] = np.where(whole, values, np.nan)
        self._shown_ms = time_ms
        self.next_ms = time_ms + self._step_ms

    def _absorb(self, size: int) -> None:
        """Take the values on that were shown at `_shown_ms`, when `_usual` was expected."""
        shown, usual = self._shown[:size], self._usual[:size]
        known = ~np.isnan(shown)
        ripe = known & self._ready[:size]
        deviation = self._deviation(size)
        edge = CUT * deviation
        values = np.where(ripe, np.clip(shown, usual - edge, usual + edge), shown)
        local_ms = self._hours.local_ms(self._shown_ms)
        if self._hours.is_holiday(local_ms):
            self._follow(self._feast, ripe, values, size)
            return
        if self._month.includes(local_ms):
            self._month.follow(local_ms, known & self._sound[:size], values, self._slots[:size])
            return
        far = ripe & (np.abs(shown - usual) > CUT * deviation)
        self._held[:size] = np.where(far, self._held[:size] + 1, np.where(known, 0, self._held[:size]))
        again, anew = self._came_again(far, shown > usual, size)
        taken = known & (~far | again | (self._held[:size] > HOLD_MS // self._step_ms))
        compared = taken & ~again & ~np.isnan(usual)
        self._learn_spread(compared, values, size)
        self._learn_slot(taken, np.where(again, shown, values), anew, size)
        self._follow(self._recent, compared & ripe, values, size)

    def _follow(self, days: Float64, which: Bool, values: Float64, size: int) -> None:
        """Note how busy days of a kind are beside what their slots expect."""
        if not self._counts:
            return
        known = days[:size]
        both = np.stack((values, self._slots[:size]), axis=1)
        follows = which[:, None]
        known[:] = np.where(follows, self._fade * known + np.where(follows, both, 0.0), known)

    def _came_again(self, far: Bool, high: Bool, size: int) -> tuple[Bool, Bool]:
        """Note the slots that are too unusual for a while. Return those that were so a week ago, and which just began.

        A note is 2 × week + side, so that a surge and a lull are not the same again; −1 − note says that the slot is
        learned anew in this week.
        """
        week, slot = divmod(self._hours.local_ms(self._shown_ms) // UNIT_MS["h"], HOURS)
        week += 1  # in zones behind UTC the first is the one before: none may be 0 with −1 for "never"
        noted, note = self._refused[:size, slot], 2 * week + high
        lasting = far & (self._held[:size] * float(self._step_ms) >= LASTING_MS)
        begins = far & (noted == note - 2)
        goes_on = far & ((noted == -1 - 2 * week) | (noted == -2 - 2 * week))
        noted[:] = np.where(begins, -1 - note, np.where(lasting & ~goes_on, note, noted))
        return begins | goes_on, begins

    def _learn_slot(self, taken: Bool, values: Float64, anew: Bool, size: int) -> None:
        slot = self._hours.slot(self._hours.local_ms(self._shown_ms))
        mean, seen = self._means[:size, slot], self._seen[:size, slot]
        seen[:] = np.where(anew, np.minimum(seen, 1), seen)
        moved = mean + (values - mean) / (seen + 1.0)
        mean[:] = np.where(taken, moved, mean)
        seen[:] = np.where(taken, np.minimum(seen + 1, SEEN_MAX - 1), seen)

    def _learn_spread(self, compared: Bool, values: Float64, size: int) -> None:
        usual, spread, seen = self._usual[:size], self._spread[:size], self._spread_seen[:size]
        off = values - usual
        sample = off * off / np.maximum(usual, MEAN_MIN) if self._counts else _DEVIATIONS * np.abs(off)
        moved = spread + (sample - spread) / (np.minimum(seen, SPREAD_STEPS - 1) + 1.0)
        spread[:] = np.where(compared, moved, spread)
        seen += compared

    def _deviation(self, size: int) -> Float64:
        """Give the standard deviation of what was expected."""
        if self._counts:
            return np.sqrt(self._range[:size] * np.maximum(self._usual[:size], MEAN_MIN))
        return self._range[:size]

    def _expect(self, size: int, time_ms: int) -> None:
        """Find what is usual from this boundary to the next step."""
        hour = UNIT_MS["h"]
        local_ms = self._hours.local_ms(time_ms)
        middle = local_ms - hour // 2  # a slot's mean stands for the middle of its hour
        part = middle % hour / hour
        left, left_seen = self._pooled(self._hours.slot(middle), size)
        right, right_seen = self._pooled(self._hours.slot(middle + hour), size)
        between = (1.0 - part) * left + part * right
        slots = np.where(np.isnan(left), right, np.where(np.isnan(right), left, between))
        seen = (1.0 - part) * left_seen + part * right_seen
        busier, judged = np.ones(size), np.ones(size, np.bool_)
        if self._counts:
            holiday = self._hours.is_holiday(local_ms)
            days = self._feast if holiday else self._recent
            was, expected = days[:size, 0], days[:size, 1]
            busier = np.clip((was + RECENT_START) / (expected + RECENT_START), 1.0 / RECENT_MAX, RECENT_MAX)
            if not holiday and self._month.includes(local_ms):
                busier, judged = self._month.busier(local_ms, size)
        usual = slots * busier
        this_hour = (left if part < 0.5 else right) * busier
        nearer = np.fmin if self._low else np.fmax
        self._slots[:size] = slots
        self._usual[:size] = usual
        self._judged[:size] = nearer(usual, this_hour)
        self._sound[:size] = ~np.isnan(usual) & (self._begun_ms[:size] + LEARNING_MS <= time_ms)
        self._ready[:size] = self._sound[:size] & judged
        # A mean of few steps is itself uncertain: what is predicted from it spreads by so much more.
        doubt = 1.0 + 1.0 / (seen + LEAN)
        if self._counts:
            self._range[:size] = np.maximum(self._spread[:size], DISPERSION_MIN) * doubt
        else:
            least = np.maximum(_DEVIATION_MIN * np.abs(usual), 1e-9)
            self._range[:size] = np.maximum(self._spread[:size] * np.sqrt(doubt), least)

    def _pooled(self, slot: int, size: int) -> tuple[Float64, Float64]:
        """Give the mean of a slot, leaning on the same hour of all days, and the steps it has seen itself."""
        seen = self._seen[:size, slot].astype(np.float64)
        weight, total = np.zeros(size), np.zeros(size)
        for same in range(slot % 24, HOURS, 24):
            weight += self._seen[:size, same]
            total += self._seen[:size, same] * self._means[:size, same]
        others = np.where(weight > 0, total / np.maximum(weight, 1.0), np.nan)
        return (seen * self._means[:size, slot] + LEAN * others) / (seen + LEAN), seen

    def values(self, rows: Int64, values: Float64) -> Float64:
        """Give −log10 of the tail probability of each value."""
        tail = count_tail if self._counts else gauge_tail
        columns = zip(
            values.tolist(),
            self._judged[rows].tolist(),
            self._range[rows].tolist(),
            self._ready[rows].tolist(),
            strict=True,
        )
        scores = (
            tail(value, usual, spread, low=self._low) if ready and value == value else np.nan  # noqa: PLR0124  NaN
            for value, usual, spread, ready in columns
        )
        return np.fromiter(scores, np.float64, len(rows))

    def state(self, size: int) -> dict[str, Any]:
        """Write the first `size` series down."""
        columns = {name: getattr(self, f"_{name}")[:size].copy() for name in self._names}
        month = {"month": self._month.state(size)} if self._month else {}
        return {"next_ms": self.next_ms, "shown_ms": self._shown_ms, **columns, **month}

    def restore(self, state: dict[str, Any]) -> None:
        """Take up what `state` wrote."""
        self.next_ms, self._shown_ms = state["next_ms"], state["shown_ms"]
        for name in self._names:
            setattr(self, f"_{name}", state[name].copy())
        if self._month:
            self._month.restore(state["month"])
        else:
            self._sound = self._ready.copy()
