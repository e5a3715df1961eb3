"""Apprise, as the way out to everything else; never for the bots whose "no" it takes for a yes."""

from __future__ import annotations

import json

import pytest

from alerts.notifications import Delivery, Result
from alerts.senders.apprise import AppriseSender
from tests.alerting import CHINA, history, notification
from tests.sink import sink, status


async def test_it_tells_by_the_addresses_it_knows() -> None:
    async with sink(status(200)) as server:
        sender = AppriseSender([server.url.replace("http://", "json://")], CHINA, "zh")
        assert await sender.send(notification()) == Delivery(Result.DELIVERED)
        many = [notification(each) for n in range(3) for each in history(["red"], region=f"网点{n}")]
        assert await sender.send_digest(many) == Delivery(Result.DELIVERED)
        await sender.close()
    one, digest = (json.loads(body) for _, body in server.requests)
    assert one["title"] == "ORANGE 橙色 投诉激增"
    assert one["message"].startswith("ORANGE 橙色 升级 · 投诉激增 · 长沙 network 投诉 63 件")
    assert digest["title"] == "共 3 条变化：红色 3"
    assert all(f"网点{n}" in digest["message"] for n in range(3))


async def test_a_no_is_tried_again() -> None:
    async with sink(status(500)) as server:
        sender = AppriseSender([server.url.replace("http://", "json://")], CHINA, "zh")
        assert await sender.send(notification()) == Delivery(Result.UNAVAILABLE)


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("wecombot://hunter2", "address 1 is a bot whose refusals would be lost: use type wecom"),
        ("DingTalk://hunter2@hunter2/", "address 1 is a bot whose refusals would be lost: use type dingtalk"),
        ("feishu://hunter2", "address 1 is a bot whose refusals would be lost: use type feishu"),
        ("lark://hunter2", "address 1 is a bot whose refusals would be lost: use type feishu"),
        (
            "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=hunter2",
            "address 1 is a bot whose refusals would be lost: use type wecom",
        ),
        ("hunter2", "address 1 is none that Apprise knows"),
    ],
)
def test_an_address_that_is_not_to_be_used(address: str, said: str) -> None:
    with pytest.raises(ValueError, match=r"^address 1") as refused:
        AppriseSender([address], CHINA, "zh")
    assert str(refused.value).startswith(said)
    assert "hunter2" not in str(refused.value)
