"""Trades by merchant category code: their names, words that their business content has, the permit they need.

Source: ISO 18245 for the codes; classes as acquirers' fee tables have them. `forbidden` trades get no terminal. A code
that is not listed is not offered.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from posterm.merchant.eligibility import PaperKind

GENERAL, DINING, DAILY, PUBLIC = "general", "dining-entertainment", "daily-life", "public-benefit"


@dataclass(frozen=True, slots=True)
class Trade:
    """One row. `words`: at least one of them stands in the business content of whoever is in this trade."""

    mcc: str
    fee_class: str
    chinese: str
    english: str
    words: tuple[str, ...]
    permit: PaperKind | None = None
    needs_lease: bool = False
    forbidden: bool = False


def _trade(mcc: str, fee_class: str, chinese: str, english: str, words: str, **more: object) -> Trade:
    return Trade(mcc, fee_class, chinese, english, tuple(words.split()), **more)  # type: ignore[arg-type]


_ROWS: Final = (
    _trade("4121", DAILY, "出租车", "taxi", "出租 客运 taxi"),
    _trade("4214", DAILY, "货运快递", "freight and courier", "货运 快递 物流 搬家 freight courier"),
    _trade("4900", PUBLIC, "公用事业", "utilities", "水费 电费 燃气 供暖 utilities"),
    _trade("5051", GENERAL, "金属产品批发", "metal wholesale", "金属 钢材 五金 metal", needs_lease=True),
    _trade("5072", GENERAL, "五金器材", "hardware", "五金 工具 器材 hardware"),
    _trade("5137", GENERAL, "服装批发", "clothing wholesale", "服装 批发 布料 clothing", needs_lease=True),
    _trade("5211", GENERAL, "建材", "building materials", "建材 木材 瓷砖 装饰 building"),
    _trade("5251", GENERAL, "五金店", "hardware shop", "五金 工具 hardware"),
    _trade("5311", DAILY, "百货商店", "department store", "百货 日用 department"),
    _trade("5331", DAILY, "杂货店", "variety store", "杂货 日用 小商品 variety"),
    _trade("5411", DAILY, "超市", "supermarket", "超市 便利 日用 食品 supermarket grocery"),
    _trade("5422", DAILY, "肉类水产", "meat and seafood", "肉 水产 海鲜 meat fish"),
    _trade("5462", DINING, "面包糕点", "bakery", "面包 糕点 烘焙 bakery", permit=PaperKind.FOOD_PERMIT),
    _trade("5499", DAILY, "果蔬食品", "fruit, vegetables and food", "水果 蔬菜 果蔬 食品 副食 fruit vegetables food"),
    _trade("5541", GENERAL, "加油站", "petrol station", "加油 油品 petrol"),
    _trade("5651", GENERAL, "服装店", "clothing shop", "服装 服饰 鞋帽 clothing clothes"),
    _trade("5712", GENERAL, "家具", "furniture", "家具 家居 furniture"),
    _trade("5722", GENERAL, "家用电器", "household appliances", "电器 家电 appliances"),
    _trade("5732", GENERAL, "电子产品", "electronics", "电子 数码 手机 electronics phones"),
    _trade("5812", DINING, "餐馆", "restaurant", "餐 饭 面 火锅 restaurant meals", permit=PaperKind.FOOD_PERMIT),
    _trade("5813", DINING, "酒吧", "bar", "酒吧 酒水 bar", permit=PaperKind.FOOD_PERMIT),
    _trade("5814", DINING, "快餐", "fast food", "快餐 小吃 fast", permit=PaperKind.FOOD_PERMIT),
    _trade("5912", DAILY, "药店", "pharmacy", "药 医疗 pharmacy", permit=PaperKind.MEDICINE_PERMIT),
    _trade("5942", GENERAL, "书店", "bookshop", "书 文具 books"),
    _trade("5944", GENERAL, "珠宝", "jewellery", "珠宝 首饰 黄金 jewellery"),
    _trade("5993", GENERAL, "烟草", "tobacconist", "烟 tobacco", permit=PaperKind.TOBACCO_PERMIT),
    _trade("7011", DINING, "酒店", "hotel", "酒店 宾馆 旅馆 住宿 hotel"),
    _trade("7216", DAILY, "洗衣店", "dry cleaner", "洗衣 干洗 laundry"),
    _trade("7230", DAILY, "美容美发", "hairdresser", "美容 美发 理发 hair beauty"),
    _trade("7538", GENERAL, "汽车维修", "car repair", "汽车 维修 修理 car"),
    _trade("8062", PUBLIC, "医院", "hospital", "医院 诊疗 医疗 hospital"),
    _trade("8211", PUBLIC, "中小学", "school", "学校 教育 学费 school"),
    _trade("8398", PUBLIC, "慈善机构", "charity", "慈善 公益 捐 charity"),
    _trade("4829", GENERAL, "汇款", "money transfer", "汇款 transfer", forbidden=True),
    _trade("5967", GENERAL, "成人电话服务", "adult telephone services", "电话 adult", forbidden=True),
    _trade("6051", GENERAL, "虚拟货币兑换", "quasi cash and virtual currency", "货币 兑换 currency", forbidden=True),
    _trade("7273", GENERAL, "陪伴服务", "escort services", "陪伴 escort", forbidden=True),
    _trade("7995", GENERAL, "博彩", "gambling", "博彩 彩票 gambling", forbidden=True),
)
TRADES: Final = {row.mcc: row for row in _ROWS}

SENSITIVE_WORDS: Final = (
    "中国人民银行",
    "国务院",
    "公安",
    "法院",
    "军队",
    "赌",
    "博彩",
    "彩票",
    "套现",
    "养卡",
    "枪",
    "毒品",
)
"""Words that no merchant's name may have: offices of the state, and trades that are forbidden."""
