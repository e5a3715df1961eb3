"""The ways out, against a real server on loopback that behaves as the world does."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Callable

import pytest
from msgspec.structs import replace

from alerts.digests import digest_key
from alerts.notifications import Delivery, Notification, Reason, Result, one_line
from alerts.senders.alertmanager import HOLD_MS, AlertmanagerSender, posted
from alerts.senders.console import ConsoleSender
from alerts.senders.poster import ForbiddenAddressError, Reach, _PublicResolver
from alerts.senders.signing import SIGNATURE_HEADER, TIMESTAMP_HEADER
from alerts.senders.webhook import WebhookSender, payload
from tests.alerting import CHINA, START_MS, history, notification, record
from tests.parts.alertmanager import Alertmanager
from tests.sink import Answer, endless, hang, hang_after_success, reset, sink, status

NOW_MS = START_MS + 150_000
SIGNING_KEY = "not one"
NEAR = Reach(private=True, connect_timeout_s=2.0, total_timeout_s=2.0)


def webhook(url: str, *, secret: str = "") -> WebhookSender:
    return WebhookSender(url, now_ms=lambda: NOW_MS, secret=secret, reach=NEAR)


@pytest.mark.parametrize(
    ("answer", "delivery", "retryable"),
    [
        pytest.param(status(200), Delivery(Result.DELIVERED), False, id="200"),
        pytest.param(status(204), Delivery(Result.DELIVERED), False, id="204"),
        pytest.param(endless, Delivery(Result.DELIVERED), False, id="200 with a body without end"),
        pytest.param(hang_after_success, Delivery(Result.DELIVERED), False, id="200 with a body that does not come"),
        pytest.param(status(400), Delivery(Result.REFUSED), False, id="400"),
        pytest.param(status(401), Delivery(Result.REFUSED), False, id="401"),
        pytest.param(status(408), Delivery(Result.TIMEOUT), True, id="408"),
        pytest.param(status(429), Delivery(Result.THROTTLED), True, id="429"),
        pytest.param(status(429, retry_after="7"), Delivery(Result.THROTTLED, 7_000), True, id="429 with seconds"),
        pytest.param(
            status(503, retry_after="Sun, 01 Mar 2026 09:20:40 GMT"),
            Delivery(Result.UNAVAILABLE, 10_000),
            True,
            id="503 with a date",
        ),
        pytest.param(status(429, retry_after="9" * 40), Delivery(Result.THROTTLED, 3_600_000), True, id="429 for ever"),
        pytest.param(status(500), Delivery(Result.UNAVAILABLE), True, id="500"),
        pytest.param(
            status(302, location="http://127.0.0.1:1/"), Delivery(Result.REDIRECTED), False, id="redirect, not followed"
        ),
        pytest.param(hang, Delivery(Result.TIMEOUT), True, id="no answer"),
        pytest.param(reset, Delivery(Result.UNREACHABLE), True, id="connection broken off"),
    ],
)
async def test_what_comes_of_a_try(answer: Answer, delivery: Delivery, retryable: bool) -> None:
    async with sink(answer) as server:
        sender = webhook(server.url)
        came = await sender.send(notification())
        await sender.close()
    assert came == delivery
    assert came.is_retryable is retryable
    assert len(server.requests) == 1


async def test_nobody_listens() -> None:
    async with sink(status(200)) as server:
        url = server.url
    sender = webhook(url)
    assert await sender.send(notification()) == Delivery(Result.UNREACHABLE)
    await sender.close()
    await sender.close()  # twice is harmless


async def test_the_webhook_is_signed_and_names_the_telling() -> None:
    async with sink(status(200)) as server:
        sender = webhook(server.url, secret=SIGNING_KEY)
        await sender.send(notification())
        await sender.send(notification())
        await sender.close()
    (request, body), (again, _) = server.requests
    stamp = str(NOW_MS // 1000)
    expected = hmac.new(SIGNING_KEY.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    assert request.headers[SIGNATURE_HEADER] == f"sha256={expected}"
    assert request.headers[TIMESTAMP_HEADER] == stamp
    assert request.headers["Content-Type"] == "application/json"
    assert request.headers["Idempotency-Key"] == again.headers["Idempotency-Key"] == notification().idempotency_key
    assert json.loads(body)["status"] == "firing"


@pytest.mark.parametrize("level", ["firing", "resolved"])
def test_the_webhook_speaks_as_alertmanager(level: str, golden: Callable[[str, str], None]) -> None:
    told = record() if level == "firing" else record("green", "orange", minute=30, value=3.0)
    golden(
        f"senders/webhook-{level}.json", json.dumps(payload(notification(told)), ensure_ascii=False, indent=1) + "\n"
    )


@pytest.mark.parametrize(
    ("url", "said"),
    [
        pytest.param("ftp://example.org/", "must be http:// or https://", id="another scheme"),
        pytest.param("file:///etc/passwd", "must be http:// or https://", id="a file"),
        pytest.param("https:///hook", "with a host", id="no host"),
        pytest.param("http://example.org/?token=hunter2", "must be https", id="in the clear"),
        pytest.param("https://127.0.0.1/", "private network", id="loopback"),
        pytest.param("https://10.1.2.3/", "private network", id="inside"),
        pytest.param("https://169.254.169.254/latest", "private network", id="cloud metadata"),
        pytest.param("https://[::1]/", "private network", id="loopback v6"),
        pytest.param("https://[::ffff:127.0.0.1]/", "private network", id="loopback in v6 clothes"),
        pytest.param("https://[ff02::1]/", "private network", id="multicast"),
    ],
)
def test_an_address_that_is_not_allowed_is_refused_at_the_start(url: str, said: str) -> None:
    with pytest.raises(ValueError, match=said) as refusal:
        WebhookSender(url, now_ms=lambda: NOW_MS)
    assert "hunter2" not in str(refusal.value)


async def test_a_name_that_leads_inside_is_not_connected_to() -> None:
    sender = WebhookSender("https://localhost/hook", now_ms=lambda: NOW_MS)
    assert await sender.send(notification()) == Delivery(Result.UNREACHABLE)
    await sender.close()
    with pytest.raises(ForbiddenAddressError):
        await _PublicResolver().resolve("localhost")


def test_a_change_of_level_ends_the_old_alert_in_the_same_post() -> None:
    up, worse, over = history(["orange", "red", "green"])
    posts = [posted(notification(each), NOW_MS, HOLD_MS) for each in (up, worse, over)]
    told = [[(each["labels"]["level"], each["endsAt"]) for each in post] for post in posts]
    later, now = "2026-03-01T09:35:30Z", "2026-03-01T09:20:30Z"
    assert told == [[("orange", later)], [("red", later), ("orange", now)], [("red", now)]]


def test_an_alert_ahead_of_this_clock_does_not_end_before_it_starts() -> None:
    (post,) = posted(notification(history(["red"])[0]), START_MS - 5_000, HOLD_MS)
    assert post["startsAt"] == "2026-03-01T09:17:55Z"


def test_labels_from_data_cannot_pose_as_others() -> None:
    told = record(key=("a\nb\u202e", ""))
    (post, _) = posted(notification(told), NOW_MS, HOLD_MS)
    assert post["labels"] == {
        "alertname": "complaint-surge",
        "rule": "complaint-surge",
        "level": "orange",
        "severity": "error",
        "key_region": "a b",
    }


def storm() -> list[Notification]:
    """Two incidents: one that was red for a moment, one that went from yellow to orange."""
    first = [notification(each) for each in history(["orange", "red", "green"], region="长沙")]
    second = [notification(each) for each in history(["yellow", "orange"], region="株洲")]
    return [first[0], second[0], first[1], first[2], second[1]]


async def test_a_digest_of_the_webhook_is_one_group_with_every_red_and_the_newest_of_the_rest() -> None:
    async with sink(status(200)) as server:
        sender = webhook(server.url, secret=SIGNING_KEY)
        assert await sender.send_digest(storm()) == Delivery(Result.DELIVERED)
        assert await sender.send_digest([replace(each, reason=Reason.ENDING) for each in storm()]) == Delivery(
            Result.DELIVERED
        )
        await sender.close()
    ((request, body),) = server.requests
    told = json.loads(body)
    assert [(each["labels"]["key_region"], each["labels"]["level"], each["status"]) for each in told["alerts"]] == [
        ("长沙", "red", "firing"),
        ("长沙", "red", "resolved"),
        ("株洲", "orange", "firing"),
    ]
    assert told["status"] == "firing"
    assert told["commonLabels"] == {
        "alertname": "complaint-surge",
        "rule": "complaint-surge",
        "key_category": "network",
    }
    assert request.headers["Idempotency-Key"] == digest_key(storm())


async def test_a_digest_of_alertmanager_posts_what_comes_twice_of_one_incident_one_after_the_other() -> None:
    async with sink(status(200)) as server:
        sender = AlertmanagerSender(server.url, now_ms=lambda: NOW_MS, reach=NEAR)
        assert await sender.send_digest(storm()) == Delivery(Result.DELIVERED)
        await sender.close()
    posts = [
        [(each["labels"]["key_region"], each["labels"]["level"], each["endsAt"] > "2026-03-01T09:21") for each in body]
        for body in (json.loads(body) for _, body in server.requests)
    ]
    assert posts == [
        [("长沙", "orange", True), ("株洲", "yellow", True)],
        [("长沙", "red", True), ("长沙", "orange", False), ("株洲", "orange", True), ("株洲", "yellow", False)],
        [("长沙", "red", False)],
    ]


async def test_a_digest_of_alertmanager_stops_where_it_fails_and_is_tried_whole() -> None:
    async with sink(status(503)) as server:
        sender = AlertmanagerSender(server.url, now_ms=lambda: NOW_MS, reach=NEAR)
        assert await sender.send_digest(storm()) == Delivery(Result.UNAVAILABLE)
        await sender.close()
    assert len(server.requests) == 1


async def test_the_refresh_says_all_again_in_bounded_posts() -> None:
    async with sink(status(200)) as server:
        sender = AlertmanagerSender(server.url, now_ms=lambda: NOW_MS, reach=NEAR)
        firing = [notification(each, reason=Reason.REPEAT) for n in range(1_001) for each in history(["red"])]
        assert await sender.refresh(firing) == Delivery(Result.DELIVERED)
        assert await sender.refresh([]) == Delivery(Result.DELIVERED)
        await sender.close()
    assert [len(json.loads(body)) for _, body in server.requests] == [500, 500, 1]


async def test_a_refresh_stops_where_it_fails() -> None:
    async with sink(status(503)) as server:
        sender = AlertmanagerSender(server.url, now_ms=lambda: NOW_MS, reach=NEAR)
        assert await sender.refresh([notification()] * 600) == Delivery(Result.UNAVAILABLE)
        await sender.close()
    assert len(server.requests) == 1


async def test_the_console_writes_a_line_a_person_can_read() -> None:
    lines: list[str] = []
    plain = ConsoleSender(lines.append, CHINA)
    colourful = ConsoleSender(lines.append, CHINA, languages=("en",), colour=True)
    assert await plain.send(notification()) == Delivery(Result.DELIVERED)
    await colourful.send(notification(record("red", "orange", value=150.0)))
    await plain.close()
    assert lines == [
        (
            "ORANGE 橙色 升级 · 投诉激增 · 长沙 network 投诉 63 件 · 阈值 60 · 始于 2026-03-01 17:18:00 +08:00"
            " · → 核查长沙投诉原因"
        ),
        (
            "ORANGE 橙色 raised · Complaint surge · 63 network complaints in 长沙 · threshold 60"
            " · since 2026-03-01 17:18:00 +08:00 · → Find the cause in 长沙"
        ),
        (
            "\x1b[1;31mRED 红色 raised · Complaint surge · 150 network complaints in 长沙 · threshold 120"
            " · since 2026-03-01 17:18:00 +08:00 · → Find the cause in 长沙\x1b[0m"
        ),
    ]


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (3.0, "GREEN 绿色 resolved · Complaint surge · 长沙 · network · now 3 · lasted 30 min, since 2026-03-01 17:18"),
        (None, "GREEN 绿色 resolved · Complaint surge · 长沙 · network · no data any more · after 30 min, since 2026-"),
    ],
)
def test_a_resolve_says_how_long_it_lasted(value: float | None, said: str) -> None:
    told = notification(record("green", "orange", minute=30, value=value), reason=Reason.RESOLVED)
    assert one_line(told, CHINA, "en").startswith(said)


async def test_a_real_alertmanager_holds_one_alert_at_the_level_it_has(alertmanager: Alertmanager) -> None:
    started_ms = time.time_ns() // 1_000_000 - 600_000
    sender = AlertmanagerSender(alertmanager.url, now_ms=lambda: time.time_ns() // 1_000_000)
    levels = ["yellow", "orange", "red", "orange", "yellow", "orange"]
    ramp = history(levels, started_ms=started_ms)
    held = alertmanager.alerts()
    for each in ramp:
        assert await sender.send(notification(each)) == Delivery(Result.DELIVERED)
        held = alertmanager.alerts()
        assert [alert["labels"]["level"] for alert in held] == [each.level]
    (alert,) = held
    assert alert["labels"]["key_region"] == "长沙"
    assert alert["annotations"]["summary_zh"] == "长沙 network 投诉 63 件"
    assert await sender.refresh([notification(ramp[-1])]) == Delivery(Result.DELIVERED)
    (refreshed,) = alertmanager.alerts()
    assert refreshed["endsAt"] >= alert["endsAt"]
    over = record("green", "orange", minute=8, started_ms=started_ms)
    assert await sender.send(notification(over)) == Delivery(Result.DELIVERED)
    assert alertmanager.alerts() == []
    await sender.close()
