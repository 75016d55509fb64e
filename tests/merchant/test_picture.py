"""Pictures: real ones are measured, broken ones refused, whatever the bytes."""

from __future__ import annotations

from io import BytesIO
from zlib import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from posterm.merchant.picture import SHARPNESS, look_bands, measure, quality_problems, unlikeness
from tests.merchant.hand_applicant import picture


def plain(width: int, height: int, form: str = "JPEG") -> bytes:
    target = BytesIO()
    Image.effect_noise((width, height), 80).save(target, form)
    return target.getvalue()


def code_of(data: bytes) -> str:
    facts, problems = measure(data, "papers[x]")
    assert (facts is None) == bool(problems)
    return problems[0].code if problems else ""


def quality(data: bytes, *, scene: bool = True) -> list[str]:
    facts, _ = measure(data, "papers[x]")
    assert facts is not None
    return [problem.code for problem in quality_problems(facts, "papers[x]", scene=scene)]


def test_a_picture_is_measured():
    facts, problems = measure(picture(1), "papers[x]")
    assert problems == []
    assert (facts.format, facts.width, facts.height) == ("JPEG", 320, 240)
    assert facts.sharpness > SHARPNESS
    assert facts.dark_part < 0.3


def test_a_png_is_taken_too():
    assert code_of(plain(300, 300, "PNG")) == ""


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "picture-size"),
        (bytes(1999), "picture-size"),
        (bytes(5_000_001), "picture-size"),
        (bytes(5_000), "picture-format"),
        (b"%PDF-1.7" + bytes(5_000), "picture-format"),
        (plain(300, 300, "GIF"), "picture-format"),
        (plain(300, 300, "BMP"), "picture-format"),
        (plain(300, 300)[:3_000], "picture-broken"),
        (plain(239, 400), "picture-pixels"),
        (plain(400, 8_001), "picture-pixels"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_no_usable_picture_is_refused(data, code):
    assert code_of(data) == code


@pytest.mark.parametrize("side", [8_001, 10_000, 60_000])
def test_a_picture_that_would_fill_the_memory_is_refused_before_it_is_decoded(side):
    header = bytearray(plain(300, 300, "PNG"))
    header[16:24] = side.to_bytes(4, "big") * 2
    header[29:33] = crc32(header[12:29]).to_bytes(4, "big")
    assert code_of(bytes(header)) == "picture-pixels"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (picture(1, blurred=True), "photo-blurred"),
        (picture(1, dark=True), "photo-covered"),
        (picture(1, Software="Adobe Photoshop 25.0"), "photo-edited"),
        (picture(1, Copyright="iStock by Getty Images"), "scene-not-genuine"),
    ],
    ids=["blurred", "dark", "edited", "stock"],
)
def test_a_picture_that_is_unfit_as_a_paper_says_why(data, code):
    assert code in quality(data)


def test_a_good_picture_has_no_problem():
    assert quality(picture(1)) == []
    assert quality(picture(1, Software="Camera 3.1", Author="Wang")) == []


def test_who_sells_a_picture_matters_for_scenes_alone():
    assert quality(picture(1, Copyright="iStock"), scene=False) == []


def test_the_same_scene_saved_again_looks_the_same_and_another_does_not():
    image = Image.open(BytesIO(picture(1)))
    target = BytesIO()
    image.resize((640, 480)).save(target, "JPEG", quality=60)
    first, again, other = (measure(data, "")[0] for data in (picture(1), target.getvalue(), picture(2)))
    assert unlikeness(first.look, again.look) <= 3
    assert set(look_bands(first.look)) & set(look_bands(again.look))
    assert unlikeness(first.look, other.look) > 8


@given(st.binary(min_size=2_000, max_size=3_000), st.sampled_from([b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0"]))
def test_any_bytes_are_measured_or_refused(data, magic):
    facts, problems = measure(magic + data, "papers[x]")
    assert (facts is None) == bool(problems)


@given(st.integers(0, 20_000), st.integers(0, 255))
def test_a_damaged_picture_is_measured_or_refused(place, byte):
    data = bytearray(picture(3))
    data[place % len(data)] = byte
    facts, problems = measure(bytes(data), "papers[x]")
    assert (facts is None) == bool(problems)
