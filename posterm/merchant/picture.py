"""Pictures as they are handed in: what they are, how large, how sharp, and what they look like.

Source: sharpness as the variance of the Laplacian; likeness by the difference hash of 64 bits (brighter or darker than
the neighbour, on 9 by 8 fields). Leaves out what a picture says: nothing is recognised in it.
"""

from __future__ import annotations

import warnings
from io import BytesIO
from typing import Final

from PIL import Image, ImageFilter, ImageStat, UnidentifiedImageError
from pydantic import BaseModel, ConfigDict

from posterm.merchant.paper_problems import PAPER_PROBLEMS
from posterm.merchant.problem import Problem

FORMATS: Final = ("JPEG", "PNG")
SMALLEST_BYTES, LARGEST_BYTES = 2_000, 5_000_000
SHORTEST_SIDE, LONGEST_SIDE = 240, 8_000
SHARPNESS: Final = 60.0
"""A picture with less is blurred. Measured on at most 512 points a side."""

DARK_PART: Final = 0.6
"""A picture of which more than this is nearly black is covered."""

EDITORS: Final = ("photoshop", "gimp", "meitu", "美图", "snapseed", "lightroom", "picsart", "醒图")
STOCKS: Final = ("stock", "getty", "视觉中国", "图虫", "dreamstime", "123rf")
_LAPLACIAN: Final = ImageFilter.Kernel((3, 3), (0, 1, 0, 1, -4, 1, 0, 1, 0), scale=1, offset=128)
_MEASURED_SIDE: Final = 512
_NEARLY_BLACK: Final = 24
_SOFTWARE_TAG: Final = 305
_AUTHORSHIP_TAGS: Final = (270, 315, 33432)
_AUTHORSHIP_TEXTS: Final = ("Description", "Author", "Copyright", "Comment")
_LONGEST_TEXT: Final = 200


class PictureFacts(BaseModel):
    """What was measured. `look` is 16 hexadecimal digits; `software` and `authorship` what the file says of itself."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: str
    size_bytes: int
    width: int
    height: int
    sharpness: float
    dark_part: float
    look: str
    software: str = ""
    authorship: str = ""


def measure(picture: bytes, path: str) -> tuple[PictureFacts | None, list[Problem]]:
    """What a picture is, or everything that makes it unusable at all. Never raises, whatever the bytes."""
    if not SMALLEST_BYTES <= len(picture) <= LARGEST_BYTES:
        return None, [PAPER_PROBLEMS["picture-size"].at(path)]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            image = Image.open(BytesIO(picture), formats=FORMATS)
    except UnidentifiedImageError:
        return None, [PAPER_PROBLEMS["picture-format"].at(path)]
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        return None, [PAPER_PROBLEMS["picture-pixels"].at(path)]
    except Exception:  # a broken file leads Pillow's decoders to raise anything
        return None, [PAPER_PROBLEMS["picture-broken"].at(path)]
    if not SHORTEST_SIDE <= min(image.size) <= max(image.size) <= LONGEST_SIDE:
        return None, [PAPER_PROBLEMS["picture-pixels"].at(path)]
    try:
        return _facts(image, len(picture)), []
    except Exception:  # a broken file leads Pillow's decoders to raise anything
        return None, [PAPER_PROBLEMS["picture-broken"].at(path)]


def quality_problems(facts: PictureFacts, path: str, *, scene: bool) -> list[Problem]:
    """What makes a picture unfit as a paper: blurred, covered, edited, or a scene that somebody sells pictures of."""
    software, authorship = facts.software.casefold(), facts.authorship.casefold()
    found = {
        "photo-blurred": facts.sharpness < SHARPNESS,
        "photo-covered": facts.dark_part > DARK_PART,
        "photo-edited": any(name in software for name in EDITORS),
        "scene-not-genuine": scene and any(name in authorship for name in STOCKS),
    }
    return [PAPER_PROBLEMS[code].at(path) for code, holds in found.items() if holds]


def look_bands(look: str) -> tuple[str, ...]:
    """Four parts of a look: two looks that differ in at most 3 bits have at least one in common."""
    return tuple(f"{place}/{look[place : place + 4]}" for place in range(0, len(look), 4))


def unlikeness(look: str, other: str) -> int:
    """In how many of 64 bits two looks differ."""
    return (int(look, 16) ^ int(other, 16)).bit_count()


def _facts(image: Image.Image, size_bytes: int) -> PictureFacts:
    width, height = image.size
    form = image.format or ""
    software, authorship = _texts(image)
    image.draft("L", (_MEASURED_SIDE, _MEASURED_SIDE))
    grey = image.convert("L")
    grey.thumbnail((_MEASURED_SIDE, _MEASURED_SIDE), Image.Resampling.BILINEAR)
    histogram = grey.histogram()
    return PictureFacts(
        format=form,
        size_bytes=size_bytes,
        width=width,
        height=height,
        sharpness=round(ImageStat.Stat(grey.filter(_LAPLACIAN)).var[0], 1),
        dark_part=round(sum(histogram[:_NEARLY_BLACK]) / sum(histogram), 3),
        look=_look(grey),
        software=software,
        authorship=authorship,
    )


def _look(grey: Image.Image) -> str:
    points = grey.resize((9, 8), Image.Resampling.BOX).tobytes()
    bits = 0
    for place in range(72):
        if place % 9 != 8:
            bits = bits << 1 | (points[place] > points[place + 1])
    return f"{bits:016x}"


def _texts(image: Image.Image) -> tuple[str, str]:
    exif = image.getexif()
    software = [exif.get(_SOFTWARE_TAG), image.info.get("Software")]
    authorship = [*map(exif.get, _AUTHORSHIP_TAGS), *map(image.info.get, _AUTHORSHIP_TEXTS)]
    return _joined(software), _joined(authorship)


def _joined(texts: list[object]) -> str:
    return " ".join(text for text in texts if isinstance(text, str))[:_LONGEST_TEXT]
