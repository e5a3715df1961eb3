"""The simulated province: its cities, outlets, network, hotline and vocabularies.

The map is a real one, so that names look right on a screen; everything else is made up. What is listed is written as
small tables; what is counted out by a city's size (outlets, cells) is the same at every call, without randomness.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from detectors.topology import Row, Topology, read_places

_CITIES = """
长沙   Changsha     100 芙蓉 天心 岳麓 开福 雨花 望城 浏阳 宁乡
株洲   Zhuzhou       39 荷塘 芦淞 石峰 天元 渌口 醴陵 攸县 茶陵
湘潭   Xiangtan      27 雨湖 岳塘 湘乡 韶山
衡阳   Hengyang      66 珠晖 雁峰 石鼓 蒸湘 耒阳 常宁 衡南 衡东
邵阳   Shaoyang      65 双清 大祥 北塔 武冈 邵东 隆回 洞口
岳阳   Yueyang       50 岳阳楼 云溪 君山 汨罗 临湘 华容 平江
常德   Changde       53 武陵 鼎城 津市 桃源 澧县 汉寿
张家界 Zhangjiajie   15 永定 武陵源 慈利 桑植
益阳   Yiyang        38 资阳 赫山 沅江 南县 桃江 安化
郴州   Chenzhou      47 北湖 苏仙 资兴 桂阳 宜章 永兴
永州   Yongzhou      53 零陵 冷水滩 祁阳 东安 道县 宁远 江华
怀化   Huaihua       46 鹤城 洪江 沅陵 辰溪 溆浦 芷江
娄底   Loudi         38 娄星 冷水江 涟源 双峰 新化
湘西   Xiangxi       25 吉首 凤凰 花垣 保靖 永顺 龙山
"""
"""Chinese name, English name, size (tens of thousands of people, rounded), counties."""

_CATEGORIES = """
billing         30 话费     wrong-charge double-charge bill-unclear recharge-failed
network         22 网络     no-signal call-drops slow-data cannot-call
provider        15 增值业务 forced-subscription trap-subscription cannot-unsubscribe
service-quality 11 服务质量 attitude wrong-answer promise-not-kept
service-items   10 服务项目 package-unclear promotion-conflict
support-systems  5 支撑系统 sms-wrong system-down
timeliness       4 处理时限 late-reply late-activation
other            3 其他     other
"""
"""Complaint category, share in percent, Chinese name, reasons."""

_QUEUES = """
inquiry 46 inquiry   咨询
billing 24 inquiry   话费
orders  14 order     业务办理
faults  10 inquiry   故障申告
vip      4 inquiry   贵宾
desk     2 internal  内部支持
"""
"""Queue of the hotline, share of its calls in percent, the usual purpose of a call, Chinese name."""

LINES: Mapping[str, int] = {"1860": 92, "1861": 8}
BRANDS: Mapping[str, int] = {"GoTone": 22, "M-Zone": 30, "Easyown": 48}
TIERS: Mapping[str, int] = {"diamond": 1, "gold": 5, "silver": 14, "ordinary": 80}
CHANNELS: Mapping[str, int] = {"hotline": 74, "outlet": 12, "web": 8, "agent-point": 4, "account-manager": 2}
PROVIDERS = (
    "starring-mobile",
    "cloudbell",
    "happy-tones",
    "lotus-news",
    "redbean-games",
    "east-wind-sms",
    "jade-horoscope",
    "quick-quiz",
)
_ZH_WORDS: Mapping[str, str] = {"GoTone": "全球通", "M-Zone": "动感地带", "Easyown": "神州行", "hotline": "热线"}

_SIZE_PER_CELL = 1.3
_SIZE_PER_OUTLET = 5.4
_SIZE_PER_RING = 12
_SIZE_PER_CORE = 22
AGENTS = 240
"""Seats of the hotline; agents are named `agent-001` and so on."""


@dataclass(frozen=True, slots=True)
class City:
    """A prefecture: the `region` of events is its Chinese name. `weight` is its share of the province, 0 to 1."""

    name: str
    english: str
    weight: float
    counties: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Element:
    """A thing that can fail. An outlet is one as well, and carries its own name in `outlet`."""

    id: str
    kind: str
    region: str
    outlet: str = ""


@dataclass(frozen=True, slots=True)
class Category:
    """A kind of complaint: its share of all complaints, 0 to 1, and the reasons given."""

    name: str
    weight: float
    chinese: str
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Queue:
    """A queue of the hotline: its share of the calls, 0 to 1, and what they are usually about."""

    name: str
    weight: float
    purpose: str
    chinese: str


@dataclass(frozen=True, slots=True)
class Province:
    """Everything that the simulated events may name."""

    cities: tuple[City, ...]
    elements: Mapping[str, Element]
    categories: tuple[Category, ...]
    queues: tuple[Queue, ...]

    @property
    def outlets(self) -> tuple[str, ...]:
        """Return the names of all outlets (营业厅)."""
        return tuple(element.outlet for element in self.elements.values() if element.outlet)

    def words(self, lang: str) -> Mapping[str, str]:
        """Return what a reader of `lang` (zh or en) would rather read than the value in an event.

        >>> build().words("en")["长沙"], build().words("zh")["network"]
        ('Changsha', '网络')
        """
        if lang == "en":
            return {city.name: city.english for city in self.cities}
        queues = {queue.name: queue.chinese for queue in self.queues}
        return {**queues, **{category.name: category.chinese for category in self.categories}, **_ZH_WORDS}


def places(province: Province) -> Topology:
    """Give the table of its cities, so that English texts name them in English."""
    rows = [Row(line, "city", city.name, "湖南", name_en=city.english) for line, city in enumerate(province.cities, 2)]
    topology, _ = read_places([*rows, Row(len(rows) + 2, "province", "湖南", name_en="Hunan")])
    assert topology is not None, "our own table is right"
    return topology


def build() -> Province:
    """Build the province: 14 cities, about 120 outlets, about 600 network elements."""
    cities = _cities()
    elements = [element for city in cities for element in _elements_of(city)]
    elements += [Element(f"boss-{n}", "billing", cities[0].name) for n in range(1, 5)]
    return Province(
        cities=cities,
        elements={element.id: element for element in elements},
        categories=tuple(
            Category(name, int(percent) / 100, chinese, tuple(reasons))
            for name, percent, chinese, *reasons in _rows(_CATEGORIES)
        ),
        queues=tuple(
            Queue(name, int(percent) / 100, purpose, chinese) for name, percent, purpose, chinese in _rows(_QUEUES)
        ),
    )


def _rows(table: str) -> list[list[str]]:
    return [line.split() for line in table.strip().splitlines()]


def _cities() -> tuple[City, ...]:
    rows = _rows(_CITIES)
    total = sum(int(row[2]) for row in rows)
    return tuple(City(name, english, int(size) / total, tuple(counties)) for name, english, size, *counties in rows)


def _elements_of(city: City) -> list[Element]:
    """Count out a city's network and outlets by its size."""
    size = city.weight * sum(int(row[2]) for row in _rows(_CITIES))
    pinyin = city.english.lower()
    counted = {
        ("ring", "transmission"): max(2, round(size / _SIZE_PER_RING)),
        ("core", "core"): max(1, round(size / _SIZE_PER_CORE)),
        ("power", "power"): len(city.counties),
        ("cell", "cell"): round(size / _SIZE_PER_CELL),
    }
    network = [
        Element(f"{prefix}-{pinyin}-{n}", kind, city.name)
        for (prefix, kind), count in counted.items()
        for n in range(1, count + 1)
    ]
    outlets = [
        Element(f"outlet-{pinyin}-{n}", "outlet", city.name, _outlet_name(city, n))
        for n in range(1, round(size / _SIZE_PER_OUTLET) + 1)
    ]
    return network + outlets


def _outlet_name(city: City, n: int) -> str:
    """Name a city's n-th outlet after its county; a county's second one gets a number."""
    again, county = divmod(n - 1, len(city.counties))
    return f"{city.name}{city.counties[county]}营业厅{again + 1 if again else ''}"
