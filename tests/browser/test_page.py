"""The page as a browser shows it: the worst on top, in both languages, live, and hostile text as text."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client import CollectorRegistry

from streams.door import Door
from streams.feed import Feed
from streams.web import make_app, serve
from tests.browser.chrome import Chrome, Page
from tests.wall import MemoryView, Ready, incident, rfc3339, trouble

HOSTILE = '</script></p><img src=x onerror="document.title=1">'
DRAWN = "document.querySelector('#flow').children.length"
INCIDENT_LEVELS = "[...document.querySelectorAll('.incident')].map((card) => card.dataset.level).join()"


@pytest.fixture(scope="module")
def chrome(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    """One browser for this file."""
    with Chrome(chromium, tmp_path_factory.mktemp("chromium")) as browser:
        yield browser


@asynccontextmanager
async def shown(
    chrome: Chrome, view: MemoryView, feed: Feed | None = None, door: Door | None = None, *, width: int = 1280
) -> AsyncIterator[Page]:
    """Serve a view and open its page."""
    server = await serve(make_app(view, CollectorRegistry(), feed or Feed(), Ready(), door))
    async with AsyncExitStack() as stack:
        stack.push_async_callback(server.stop)
        page = await stack.enter_async_context(chrome.page(f"http://127.0.0.1:{server.port}/", width))
        await page.wait(DRAWN)
        yield page


async def test_the_red_incident_is_on_top_in_both_languages(chrome: Chrome) -> None:
    async with shown(chrome, trouble(datetime.now(UTC))) as page:
        assert await page.value(INCIDENT_LEVELS) == "red,orange,yellow"
        first = await page.text(".incident")
        for words in (
            "红色 RED",
            "未确认 not acknowledged",
            "受影响用户过万 Over ten thousand users affected",
            "地点 where 长沙",
            "· 12 分钟 12 min",
            "当前值 value 12,600",
            "阈值 threshold 10,000",
            "处置 what to do 通知传输值班，启用备用路由。 Call transmission on duty",
        ):
            assert words in first
        assert await page.text("#verdict") == "红色 RED 3 起事件未恢复 3 incidents are open"
        assert await page.value("document.title") == "红色 RED · Tocsin 警钟"
        notice = await page.text(".notice")
        assert "红色 RED 草稿 draft" in notice
        assert "尊敬的客户" in notice
        assert "Dear customer" in notice


async def test_the_strip_shows_the_worst_first_and_no_data_is_not_green(chrome: Chrome) -> None:
    view, feed = trouble(), Feed()
    async with shown(chrome, view, feed) as page:
        assert (await page.text("#levels thead")).startswith("长沙 株洲 怀化")
        assert (await page.text("#levels tbody tr")).startswith(
            "受影响用户 Users affected 红色 RED 12,600 橙色 ORANGE 6,150"
        )
        assert await page.value("document.querySelectorAll('#levels [data-level=blind]').length") == 14
        assert "无数据 BLIND" in await page.text("#levels")
        view.incidents_ = []
        await page.wait("document.querySelector('#link').dataset.state === 'live'")
        feed.publish("notice", {})
        await page.wait("document.querySelector('#verdict').dataset.level === 'blind'")
        assert "但有数据源听不到" in await page.text("#verdict")


async def test_an_empty_service_says_what_it_waits_for(chrome: Chrome) -> None:
    async with shown(chrome, MemoryView()) as page:
        verdict = await page.text("#verdict")
        assert verdict.startswith("无数据 BLIND 尚无数据：等待第一批事件 No data yet: waiting for the first events")
        assert "tocsin.complaints" in verdict


async def test_all_quiet_is_green_and_says_so(chrome: Chrome) -> None:
    view = trouble()
    view.incidents_ = []
    view.levels_ = [row for row in view.levels_ if row["level"] == "green"]
    async with shown(chrome, view) as page:
        assert await page.text("#verdict") == "正常 GREEN 没有未恢复的事件 No incident is open"


async def test_hostile_text_is_shown_as_text(chrome: Chrome) -> None:
    now = datetime.now(UTC)
    view = trouble(now)
    view.incidents_ = [incident("red", HOSTILE, HOSTILE + "en", HOSTILE, 1, rule=HOSTILE, state=HOSTILE)]
    view.notices_[0]["text"] = {"zh": HOSTILE, "en": HOSTILE}
    view.levels_[0]["key"] = {"region": HOSTILE}
    view.rates_ = {HOSTILE: 1.0}
    feed = Feed()
    feed.publish(
        "alert", {"level": HOSTILE, "time": rfc3339(now), "title": {"zh": HOSTILE}, "key": {"region": HOSTILE}}
    )
    async with shown(chrome, view, feed) as page:
        await page.wait("document.querySelector('#changes time')")
        for part in ("#incidents", "#notices", "#levels", "#flow", "#changes"):
            assert HOSTILE in await page.text(part), part
        assert await page.value("document.images.length") == 0
        assert await page.value("document.title") == "红色 RED · Tocsin 警钟"


async def test_news_arrive_without_a_reload_the_latest_first(chrome: Chrome) -> None:
    now, feed, view = datetime.now(UTC), Feed(), trouble()
    view.incidents_ = []
    async with shown(chrome, view, feed) as page:
        await page.wait("document.querySelector('#link').dataset.state === 'live'")
        view.incidents_ = [incident("red", "主干中断", "Backbone cut", "长沙", 0)]
        for minutes, level in ((3, "yellow"), (2, "orange"), (1, "red")):
            time = rfc3339(now - timedelta(minutes=minutes))
            feed.publish(
                "alert", {"level": level, "time": time, "title": {"zh": "主干中断"}, "key": {"region": "长沙"}}
            )
        await page.wait(
            "document.querySelectorAll('#changes time').length === 3 && document.querySelector('.incident')", 4
        )
        changes = "[...document.querySelectorAll('#changes .level')].map((level) => level.dataset.level).join()"
        assert await page.value(changes) == "red,orange,yellow"
        assert "红色 RED 主干中断 长沙" in await page.text("#changes")


async def test_a_lost_service_turns_the_page_grey_and_comes_back(chrome: Chrome) -> None:
    view = trouble()
    view.incidents_ = []
    view.levels_ = [row for row in view.levels_ if row["level"] == "green"]
    app = make_app(view, CollectorRegistry(), Feed(), Ready())
    server = await serve(app)
    async with chrome.page(f"http://127.0.0.1:{server.port}/") as page:
        await page.wait("document.querySelector('#verdict').dataset.level === 'green'")
        await server.stop()
        await page.wait("document.body.classList.contains('stale')")
        assert "页面听不到服务" in await page.text("#verdict")
        assert await page.value("document.querySelector('#verdict').dataset.level") == "blind"
        again = await serve(make_app(view, CollectorRegistry(), Feed(), Ready()), port=server.port)
        await page.wait("document.querySelector('#link').dataset.state === 'live'")
        await page.wait("document.querySelector('#verdict').dataset.level === 'green'")
        await again.stop()


async def test_the_page_asks_for_the_token_and_goes_on_with_it(chrome: Chrome) -> None:
    async with shown(chrome, trouble(), door=Door("a token")) as page:
        await page.wait("!document.querySelector('#door').hidden")
        assert "需要令牌" in await page.text("#link")
        assert await page.value(INCIDENT_LEVELS) == ""
        await page.value(
            "document.querySelector('#token').value = 'a token'; document.querySelector('#door').requestSubmit()"
        )
        await page.wait(f"{INCIDENT_LEVELS} === 'red,orange,yellow'")
        await page.wait("document.querySelector('#door').hidden")


async def test_the_reader_chooses_the_language(chrome: Chrome) -> None:
    async with shown(chrome, trouble()) as page:
        for lang, heading in (
            ("zh", "未恢复的事件"),
            ("en", "Open incidents"),
            ("both", "未恢复的事件 Open incidents"),
        ):
            await page.value(f"document.querySelector('[data-choose={lang}]').click()")
            assert await page.text(".incidents h2") == heading


@pytest.mark.parametrize("width", [1280, 390])
async def test_nothing_runs_off_the_side(chrome: Chrome, width: int) -> None:
    async with shown(chrome, trouble(), width=width) as page:
        assert await page.value("document.documentElement.scrollWidth") <= width


async def test_the_browser_has_nothing_to_complain_about(chrome: Chrome) -> None:
    async with shown(chrome, trouble()) as page:
        await page.call("Log.enable")  # tells what was logged before, too
        await page.call("Runtime.enable")
        assert [entry["text"] for entry in page.complaints] == []


async def test_a_link_opens_the_incident_it_names_whatever_became_of_it(chrome: Chrome) -> None:
    view = trouble(datetime.now(UTC))
    ids = [row["id"] for row in view.incidents_]
    async with shown(chrome, view) as page:
        assert await page.value("document.querySelector('#chosen').hidden")
        await page.value(f"location.hash = '#incident={ids[1]}'")
        await page.wait("!document.querySelector('#chosen').hidden && document.querySelector('#chosen .incident')")
        assert view.incidents_[1]["title"]["en"] in await page.text("#chosen")
        await page.value("location.hash = '#incident=inc-long-gone'")
        await page.wait("document.querySelector('#chosen .hint')")
        assert "no longer kept here" in await page.text("#chosen")
        await page.value("location.hash = ''")
        await page.wait("document.querySelector('#chosen').hidden")
