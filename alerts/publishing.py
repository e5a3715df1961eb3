"""Telling a notice, one audience after the other: at once, by hand, or each after the head start of the one before.

Pure: a notice in, the notices after each step out. The order of the audiences is never turned round.
"""

from __future__ import annotations

from msgspec.structs import replace

from alerts import audiences
from alerts.audiences import Audience
from alerts.bulletins import Kind
from alerts.notices import OUT_AS, Notice, NoticeError, NoticeState, Step, standing


def publish(  # noqa: PLR0913  all of it differs from call to call
    notice: Notice, *, by: str, at_ms: int, update_ms: int, audience: str = "", everybody: bool = False
) -> list[Notice]:
    """Tell the next audience, and let the others follow; only the one that is named; or everybody at once.

    `update_ms` is how soon the text promises more. Raise NoticeError for an audience whose turn it is not.
    """
    if audience:
        _refuse_out_of_turn(notice, audience)
    first, *rest = notice.waiting
    goes_on = not audience or notice.next_ms is not None
    told = [_tell(notice, first, by=by, at_ms=at_ms, update_ms=update_ms, goes_on=goes_on)]
    for each in rest if everybody else ():
        told.append(_tell(told[-1], each, by=by, at_ms=at_ms, update_ms=update_ms))
    return [*told, *followed(told[-1], now_ms=told[-1].steps[-1].time_ms, update_ms=update_ms)]


def followed(notice: Notice, *, now_ms: int, update_ms: int) -> list[Notice]:
    """Tell those whose turn has come by now, each at the time that was declared."""
    told: list[Notice] = []
    while notice.next_ms is not None and notice.next_ms <= now_ms:
        notice = _tell(notice, notice.waiting[0], by="", at_ms=notice.next_ms, update_ms=update_ms)
        told.append(notice)
    return told


def stop(notice: Notice, *, by: str, at_ms: int) -> Notice:
    """Keep a notice from those who have not heard of it. Those who have will hear how it goes on, and its end."""
    return step(
        replace(notice, audiences=audiences.stopped(notice.audiences), next_ms=None),
        NoticeState.STOPPED,
        at_ms,
        by=by,
    )


def step(notice: Notice, state: NoticeState, at_ms: int, *, by: str = "", audience: str = "") -> Notice:
    """Let a notice take a step."""
    return replace(notice, state=state, steps=(*notice.steps, Step(at_ms, notice.kind, state, by, audience)))


def _tell(  # noqa: PLR0913  all of it differs from call to call
    notice: Notice, audience: Audience, *, by: str, at_ms: int, update_ms: int, goes_on: bool = True
) -> Notice:
    at_ms = max(at_ms, notice.steps[-1].time_ms)  # clocks of two workers may differ; the order must not
    is_first_told = notice.state is not NoticeState.PUBLISHING
    told = replace(
        notice,
        audiences=audiences.told(notice.audiences, audience.tier, at_ms),
        published_ms=at_ms if notice.published_ms is None else notice.published_ms,
        # Each audience reads "within an hour"; the promise to the first of them is the one to be kept.
        next_update_ms=at_ms + update_ms
        if is_first_told and notice.kind is not Kind.ALL_CLEAR
        else notice.next_update_ms,
    )
    if told.waiting:
        told = replace(told, next_ms=at_ms + audience.then_ms if goes_on else None)
        return step(told, NoticeState.PUBLISHING, at_ms, by=by, audience=audience.tier)
    told = replace(told, next_ms=None, next_update_ms=None if notice.kind is Kind.ALL_CLEAR else told.next_update_ms)
    return step(told, OUT_AS[notice.kind], at_ms, by=by, audience=audience.tier)


def _refuse_out_of_turn(notice: Notice, tier: str) -> None:
    known = {each.tier: each for each in notice.audiences}
    waiting = [each.tier for each in notice.waiting]
    if tier == waiting[0]:
        return
    if tier not in known:
        why = f"it has no such audience; there are: {', '.join(known)}"
    elif tier in waiting:
        why = f"{waiting[0]} comes first"
    elif known[tier].told_ms is not None:
        why = "they were told"
    else:
        why = f"{standing(notice)}, and they never heard of it"
    raise NoticeError(f"cannot publish notice {notice.id} to {tier}: {why}")
