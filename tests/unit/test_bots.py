"""The three Chinese bots and the message gateway: what they are sent, and what their answers mean."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from urllib.parse import parse_qs

import pytest

from alerts.notifications import Delivery, Notification, Result
from alerts.senders.bot import BotSender, Dialect
from alerts.senders.dingtalk import DingTalk
from alerts.senders.feishu import Feishu
from alerts.senders.poster import Poster, Reach
from alerts.senders.signing import SIGNATURE_HEADER, TIMESTAMP_HEADER, sign
from alerts.senders.sms import SmsPlan, SmsSender
from alerts.senders.wecom import WeCom
from tests.alerting import CHINA, START_MS, history, notification, record
from tests.parts.receivers import huge, says
from tests.sink import Answer, endless, hang, hang_after_success, reset, sink, status

NOW_MS = START_MS + 150_000
NEAR = Reach(private=True, connect_timeout_s=0.5, total_timeout_s=0.5)
KEY = "k/e+y=="
BOTS: dict[str, Dialect] = {"wecom": WeCom(KEY), "dingtalk": DingTalk("token", KEY), "feishu": Feishu(KEY)}
DONE = {"wecom": {"errcode": 0, "errmsg": "ok"}, "dingtalk": {"errcode": 0}, "feishu": {"code": 0, "msg": "success"}}


def poster(url: str) -> Poster:
    return Poster(url, NEAR, lambda: NOW_MS)


def bot(dialect: Dialect, url: str = "http://127.0.0.1:1") -> BotSender:
    return BotSender(dialect, poster(url), now_ms=lambda: NOW_MS, zone=CHINA, language="zh")


def storm() -> list[Notification]:
    reds = [notification(each) for n in range(8) for each in history(["red"], region=f"第{n}营业部" * 9)]
    others = [notification(each) for n in range(400) for each in history(["yellow", "orange"], region=f"网点{n}")]
    return [*others, *reds]


@pytest.mark.parametrize("name", BOTS)
async def test_each_is_sent_what_it_understands(name: str, golden: Callable[[str, str], None]) -> None:
    async with sink(says(DONE[name])) as server:
        sender = bot(BOTS[name], server.url)
        assert await sender.send(notification()) == Delivery(Result.DELIVERED)
        await sender.close()
    ((request, body),) = server.requests
    told = {"query": request.rel_url.raw_query_string, "body": json.loads(body)}
    golden(f"senders/{name}.json", json.dumps(told, ensure_ascii=False, indent=1) + "\n")


async def test_the_signature_of_dingtalk_is_encoded_once() -> None:
    async with sink(says({"errcode": 0})) as server:
        for now_ms in range(NOW_MS, NOW_MS + 20):  # some of them hold + and /
            sender = BotSender(
                DingTalk("token", KEY), poster(server.url), now_ms=lambda at=now_ms: at, zone=CHINA, language="zh"
            )
            await sender.send(notification())
            await sender.close()
    for now_ms, (request, _) in enumerate(server.requests, NOW_MS):
        raw = request.rel_url.raw_query_string
        assert "%25" not in raw
        assert "+" not in raw
        expected = hmac.new(KEY.encode(), f"{now_ms}\n{KEY}".encode(), hashlib.sha256).digest()
        given = parse_qs(raw, strict_parsing=True)
        assert base64.b64decode(given["sign"][0], validate=True) == expected
        assert (given["timestamp"], given["access_token"]) == ([str(now_ms)], ["token"])


def test_the_signature_of_feishu_is_over_nothing() -> None:
    body = Feishu(KEY).body("x", NOW_MS)
    expected = hmac.new(f"{NOW_MS // 1000}\n{KEY}".encode(), b"", hashlib.sha256).digest()
    assert (base64.b64decode(body["sign"]), body["timestamp"]) == (expected, str(NOW_MS // 1000))
    assert "sign" not in Feishu().body("x", NOW_MS)
    assert "sign" not in DingTalk("token").query(NOW_MS)


@pytest.mark.parametrize(
    ("name", "answer", "result"),
    [
        ("wecom", {"errcode": 93000, "errmsg": "invalid webhook url"}, Result.REFUSED),
        ("wecom", {"errcode": 45009}, Result.THROTTLED),
        ("wecom", {"errcode": -1}, Result.UNAVAILABLE),
        ("wecom", {"errcode": "0"}, Result.UNAVAILABLE),
        ("wecom", {"errcode": False}, Result.UNAVAILABLE),
        ("wecom", {}, Result.UNAVAILABLE),
        ("wecom", [], Result.UNAVAILABLE),
        ("dingtalk", {"errcode": 310000, "errmsg": "sign not match"}, Result.REFUSED),
        ("dingtalk", {"errcode": 130101}, Result.THROTTLED),
        ("feishu", {"code": 19021}, Result.REFUSED),
        ("feishu", {"code": 11232}, Result.THROTTLED),
        ("feishu", {"StatusCode": 0, "StatusMessage": "success"}, Result.DELIVERED),
        ("feishu", {"code": 19024, "StatusCode": 0}, Result.REFUSED),
    ],
)
async def test_a_no_inside_a_success_is_a_no(name: str, answer: object, result: Result) -> None:
    async with sink(says(answer)) as server:
        sender = bot(BOTS[name], server.url)
        assert (await sender.send(notification())).result is result
        await sender.close()


async def test_dingtalk_that_muted_us_is_left_alone_for_ten_minutes() -> None:
    async with sink(says({"errcode": 130101})) as server:
        sender = bot(BOTS["dingtalk"], server.url)
        came = await sender.send(notification())
        await sender.close()
    assert (came.retry_after_ms, came.code) == (600_000, 130101)


@pytest.mark.parametrize(
    ("answer", "delivery"),
    [
        pytest.param(status(200), Delivery(Result.UNAVAILABLE), id="a success that says nothing"),
        pytest.param(huge, Delivery(Result.UNAVAILABLE), id="10 MiB"),
        pytest.param(endless, Delivery(Result.UNAVAILABLE), id="without end"),
        pytest.param(hang_after_success, Delivery(Result.TIMEOUT), id="a body that does not come"),
        pytest.param(hang, Delivery(Result.TIMEOUT), id="no answer"),
        pytest.param(reset, Delivery(Result.UNREACHABLE), id="connection broken off"),
        pytest.param(status(503), Delivery(Result.UNAVAILABLE), id="503"),
        pytest.param(status(429, retry_after="7"), Delivery(Result.THROTTLED, 7_000), id="429"),
        pytest.param(status(302, location="http://127.0.0.1:1/"), Delivery(Result.REDIRECTED), id="redirect"),
    ],
)
async def test_what_comes_of_a_try(answer: Answer, delivery: Delivery) -> None:
    async with sink(answer) as server:
        sender = bot(BOTS["wecom"], server.url)
        assert await sender.send(notification()) == delivery
        await sender.close()
    assert len(server.requests) == 1


@pytest.mark.parametrize("name", BOTS)
async def test_a_digest_names_every_red_within_the_limit(name: str, golden: Callable[[str, str], None]) -> None:
    async with sink(says(DONE[name])) as server:
        sender = bot(BOTS[name], server.url)
        await sender.send_digest(storm())
        await sender.close()
    body = json.loads(server.requests[0][1])
    text = body["content"]["text"] if name == "feishu" else body["text"]["content"]
    assert len(text.encode()) <= BOTS[name].bytes_max
    for n in range(8):
        assert f"第{n}营业部" in text
    if name == "wecom":
        golden("senders/digest.txt", text + "\n")


@pytest.mark.parametrize("length", [600, 683, 684, 2_000])
async def test_a_long_text_is_clipped_between_characters(length: int) -> None:
    told = notification(record(key=("长" * length, "network")))
    told = Notification(told.channel, told.reason, 1, told.record, {"zh": "查" * length, "en": "x"})
    async with sink(says({"errcode": 0})) as server:
        sender = bot(BOTS["wecom"], server.url)
        await sender.send(told)
        await sender.close()
    text = json.loads(server.requests[0][1])["text"]["content"]
    assert 2_040 < len(text.encode()) <= 2_048
    assert text.endswith("…")


def test_no_secret_shows() -> None:
    for each in (*(bot(dialect) for dialect in BOTS.values()), *BOTS.values(), poster(f"http://127.0.0.1/{KEY}")):
        assert KEY not in repr(each)


def gateway(url: str, secret: str = KEY) -> SmsSender:
    plan = SmsPlan(("+8613900000000",), "警铃", "SMS_1", "SMS_2", "zh")
    assert "139" not in repr(plan)
    return SmsSender(plan, poster(url), now_ms=lambda: NOW_MS, secret=secret)


async def test_a_text_message_is_a_template_and_short_parameters(golden: Callable[[str, str], None]) -> None:
    async with sink(says({"code": "OK"})) as server:
        sender = gateway(server.url)
        assert await sender.send(notification()) == Delivery(Result.DELIVERED)
        assert await sender.send_digest(storm()[-1:] + storm()[:9]) == Delivery(Result.DELIVERED)
        await sender.close()
    told = [json.loads(body) for _, body in server.requests]
    golden("senders/sms.json", json.dumps(told, ensure_ascii=False, indent=1) + "\n")
    request, body = server.requests[0]
    assert request.headers[SIGNATURE_HEADER] == sign(KEY.encode(), request.headers[TIMESTAMP_HEADER], body)
    assert request.headers["Idempotency-Key"] == told[0]["key"]
    assert all(len(value) <= 35 for each in told for value in each["parameters"].values())


@pytest.mark.parametrize(
    ("answer", "result"),
    [
        (status(204), Result.DELIVERED),
        (says({"code": 0}), Result.DELIVERED),
        (says({"id": "x"}), Result.DELIVERED),
        (says({"code": "isv.BUSINESS_LIMIT_CONTROL"}), Result.REFUSED),
        (says({"code": 4}), Result.REFUSED),
        (says(["no"]), Result.REFUSED),
        (huge, Result.UNAVAILABLE),
    ],
)
async def test_what_the_gateway_says(answer: Answer, result: Result) -> None:
    async with sink(answer) as server:
        sender = gateway(server.url)
        assert (await sender.send(notification())).result is result
        await sender.close()
