"""Districts by their codes: every province, and the districts of some large cities.

Source: GB/T 2260, codes for the administrative divisions of China. A district that is not listed is known by its
province alone; an address is then checked against the province only.
"""

from __future__ import annotations

from typing import Final

_PROVINCES: Final = """
11 北京市 12 天津市 13 河北省 14 山西省 15 内蒙古自治区 21 辽宁省 22 吉林省 23 黑龙江省 31 上海市 32 江苏省 33 浙江省
34 安徽省 35 福建省 36 江西省 37 山东省 41 河南省 42 湖北省 43 湖南省 44 广东省 45 广西壮族自治区 46 海南省 50 重庆市
51 四川省 52 贵州省 53 云南省 54 西藏自治区 61 陕西省 62 甘肃省 63 青海省 64 宁夏回族自治区 65 新疆维吾尔自治区
"""
_DISTRICTS: Final = """
110101 东城区 110102 西城区 110105 朝阳区 110106 丰台区 110107 石景山区 110108 海淀区 110109 门头沟区 110111 房山区
110112 通州区 110113 顺义区 110114 昌平区 110115 大兴区 110116 怀柔区 110117 平谷区 110118 密云区 110119 延庆区
120101 和平区 120102 河东区 120103 河西区 120104 南开区 120105 河北区 120106 红桥区
310101 黄浦区 310104 徐汇区 310105 长宁区 310106 静安区 310107 普陀区 310109 虹口区 310110 杨浦区 310112 闵行区
310113 宝山区 310114 嘉定区 310115 浦东新区 310116 金山区 310117 松江区 310118 青浦区 310120 奉贤区 310151 崇明区
330102 上城区 330105 拱墅区 330106 西湖区 330108 滨江区 330109 萧山区 330110 余杭区
320102 玄武区 320104 秦淮区 320105 建邺区 320106 鼓楼区
420102 江岸区 420103 江汉区 420106 武昌区 420111 洪山区
440103 荔湾区 440104 越秀区 440105 海珠区 440106 天河区 440111 白云区 440112 黄埔区 440113 番禺区
440303 罗湖区 440304 福田区 440305 南山区 440306 宝安区 440307 龙岗区 440308 盐田区 440309 龙华区
500101 万州区 500103 渝中区 500105 江北区 500106 沙坪坝区 500107 九龙坡区
510104 锦江区 510105 青羊区 510106 金牛区 510107 武侯区 510108 成华区
610102 新城区 610103 碑林区 610113 雁塔区
"""


def _table(text: str) -> dict[str, str]:
    words = text.split()
    return dict(zip(words[::2], words[1::2], strict=True))


PROVINCES: Final = _table(_PROVINCES)
DISTRICTS: Final = _table(_DISTRICTS)


def is_district(code: str) -> bool:
    """True for 6 digits that begin with a province's and do not stand for all of a province."""
    return len(code) == 6 and code.isascii() and code.isdigit() and code[:2] in PROVINCES and code[2:] != "0000"


def place_names(code: str) -> tuple[str, ...]:
    """The names of which an address there must have one: the district's, or the province's when it is not listed."""
    name = DISTRICTS.get(code)
    return (name,) if name is not None else (PROVINCES.get(code[:2], ""),)
