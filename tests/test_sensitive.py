"""PANs and tracks: what they hold, what they refuse, and that nothing prints them.

Sources: ISO/IEC 7812-1 annex B (Luhn), ISO/IEC 7813 7.2 (track 2), ISO/IEC 4909 5 (track 3), PCI DSS 4.0 3.4.1 (masks).
"""

from __future__ import annotations

import copy
import io
import json
import logging
import pickle
import pprint
import traceback
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from posterm.sensitive import Pan, Sensitive, SensitiveValueError, Track2, Track3, luhn_valid, mask_pan

PAN = "6212345678901265"
TRACK_2 = "6212345678901265=30122011234567890123"
TRACK_3 = "996212345678901265=1561560000000000000000000001=0"

VALUES = [Pan(PAN), Track2(TRACK_2), Track3(TRACK_3)]
pans = st.text("0123456789", min_size=13, max_size=19)


@dataclass(frozen=True)
class Purchase:
    card: Sensitive
    note: str = "coffee"


def rich_text(value: object) -> str:
    stream = io.StringIO()
    Console(file=stream, width=200).print({"card": value}, value)
    return stream.getvalue()


def logged(value: object) -> str:
    return logging.LogRecord("x", logging.INFO, "x.py", 1, "card %s %r", (value, value), None).getMessage()


WAYS_TO_PRINT = {
    "str": str,
    "repr": repr,
    "ascii": ascii,
    "format": format,
    "f-string": lambda value: f"{value} {value!s} {value!r} {value!a} {value:>50} {value:.40}",
    "percent": lambda value: "%s %r" % (value, value),  # noqa: UP031
    "str.format": lambda value: "{0} {0!r}".format(value),  # noqa: UP032
    "list": lambda value: str([value, (value,), {value: value}]),
    "pprint": pprint.pformat,
    "dataclass": lambda value: repr(Purchase(value)),
    "log record": logged,
    "rich": rich_text,
    "json with default=str": lambda value: json.dumps({"card": value}, default=str),
    "exception": lambda value: repr(ValueError("refused", value)),
}


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
@pytest.mark.parametrize("way", WAYS_TO_PRINT)
def test_no_way_to_print_shows_the_value(value, way):
    text = WAYS_TO_PRINT[way](value)
    assert "*" in text
    assert value.reveal() not in text
    assert PAN not in text
    assert PAN[6:12] not in text


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
@pytest.mark.parametrize(
    "carry", [pickle.dumps, copy.copy, copy.deepcopy, json.dumps, lambda value: json.dumps({value: 1})]
)
def test_no_way_to_carry_it_off_takes_the_value(value, carry):
    with pytest.raises(TypeError) as caught:
        carry(value)
    assert PAN not in str(caught.value)


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_a_value_has_no_dictionary_to_dump(value):
    with pytest.raises(TypeError):
        vars(value)


def test_a_traceback_with_its_locals_shows_the_mask_only():
    def charge(card: Pan) -> None:
        raise ValueError(f"declined for {card}")

    try:
        charge(Pan(PAN))
    except ValueError as error:
        text = "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
    assert "621234******1265" in text
    assert PAN not in text


@pytest.mark.parametrize(
    ("build", "clear"),
    [(Pan, PAN + "x"), (Track2, PAN + "-3012"), (Track3, "99" + PAN), (Track2, TRACK_2 + "0123456789")],
)
def test_a_refusal_never_repeats_what_was_refused(build, clear):
    with pytest.raises(SensitiveValueError) as caught:
        build(clear)
    text = "".join(traceback.format_exception(caught.value))
    assert PAN not in f"{text} {caught.value.args} {caught.value.hint}"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1",
        "621234567890",
        "62123456789012651234",
        "6212 3456 7890 1265",
        "6212-3456-7890-1265",
        "621234567890126X",
        "+212345678901265",
        "6212345678901265\n",
        "\N{FULLWIDTH DIGIT SIX}212345678901265",
        "62123456789.1265",
        "0" * 100_000,
    ],
)
def test_what_is_no_pan_is_refused(text):
    with pytest.raises(SensitiveValueError, match="13 to 19 digits"):
        Pan(text)


@given(pans)
def test_a_pan_shows_six_and_four_and_gives_itself_by_name(digits):
    pan = Pan(digits)
    assert pan.reveal() == digits
    assert str(pan) == digits[:6] + "*" * (len(digits) - 10) + digits[-4:]
    assert pan.last_four == digits[-4:]
    assert (len(pan.pan12), pan.pan12) == (12, digits[-13:-1])


@given(st.text(max_size=40))
def test_masking_fails_closed(text):
    masked = mask_pan(text)
    assert len(masked) == len(text)
    if not (text.isascii() and text.isdigit() and 13 <= len(text) <= 19):
        assert set(masked) <= {"*"}


@given(pans, pans)
def test_pans_compare_by_value(left, right):
    assert (Pan(left) == Pan(right)) is (left == right)
    assert hash(Pan(left)) == hash(Pan(left))


def test_values_of_two_kinds_are_never_equal():
    assert Pan(PAN) != PAN
    assert Pan(PAN) != Track2(TRACK_2)
    assert Sensitive(PAN) != Pan(PAN)


def test_an_unknown_kind_of_value_is_hidden_whole():
    assert (str(Sensitive("secret")), repr(Sensitive("secret"))) == ("******", "<Sensitive ******>")


@pytest.mark.parametrize("digits", [PAN, "4111111111111111", "79927398713", "0", "18"])
def test_a_right_check_digit_is_accepted(digits):
    assert luhn_valid(digits)


@pytest.mark.parametrize(
    "digits", ["", "1", "6212345678901266", "4111111111111112", "79927398710", "621234567890126X", " 18", "-18"]
)
def test_a_wrong_check_digit_is_seen(digits):
    assert not luhn_valid(digits)


@given(st.text("0123456789", min_size=1, max_size=18))
def test_exactly_one_check_digit_is_right(body):
    assert sum(luhn_valid(body + digit) for digit in "0123456789") == 1


@pytest.mark.proof
def test_every_slip_of_one_digit_and_every_swap_but_0_and_9_is_seen_by_luhn():
    def with_check(body: str) -> str:
        return next(body + digit for digit in "0123456789" if luhn_valid(body + digit))

    for number in range(100_000):
        digits = with_check(f"{number:05d}")
        for place, digit in enumerate(digits):
            for slip in "0123456789":
                assert luhn_valid(digits[:place] + slip + digits[place + 1 :]) is (slip == digit)
        for place in range(len(digits) - 1):
            left, right = digits[place], digits[place + 1]
            swapped = digits[:place] + right + left + digits[place + 2 :]
            assert luhn_valid(swapped) is (left == right or {left, right} == {"0", "9"})


@pytest.mark.parametrize(
    ("text", "expiry", "service_code", "has_chip"),
    [
        (TRACK_2, "3012", "201", True),
        (f";{TRACK_2}?", "3012", "201", True),
        (TRACK_2.replace("=", "D"), "3012", "201", True),
        (f"{PAN}=3012601", "3012", "601", True),
        (f"{PAN}=3012101000", "3012", "101", False),
        (f"{PAN}==101000", "", "101", False),
        (f"{PAN}=3012=000", "3012", "", False),
        (f"{PAN}===", "", "", False),
    ],
)
def test_track_2_is_read_to_its_fields(text, expiry, service_code, has_chip):
    track = Track2(text)
    assert (track.pan, track.expiry, track.service_code, track.has_chip) == (Pan(PAN), expiry, service_code, has_chip)
    assert str(track) == "621234******1265=****"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "=",
        PAN,
        f"{PAN}=",
        f"{PAN}=3012",
        f"{PAN}=301220",
        f"{PAN}-3012201",
        f"{PAN} =3012201",
        f"{PAN}=3012201x",
        "621234567890=3012201",
        "62123456789012651234=3012201",
        f"{PAN}=301A201",
        f"{TRACK_2}4",
        f"{PAN}=3012201\n",
        f"%B{PAN}^NAME^3012201",
        f"{PAN}d3012201",
        "9" * 100_000,
        f"?{TRACK_2}",
        "\N{FULLWIDTH DIGIT SIX}" + TRACK_2[1:],
    ],
)
def test_what_is_no_track_2_is_refused(text):
    with pytest.raises(SensitiveValueError, match="not track 2 data"):
        Track2(text)


@pytest.mark.parametrize("text", [TRACK_3, f";{TRACK_3}?", TRACK_3.replace("=", "D")])
def test_track_3_gives_its_pan_and_masks_the_rest(text):
    assert Track3(text).pan == Pan(PAN)
    assert str(Track3(text)) == "**621234******1265=****"


@pytest.mark.parametrize(
    "text", ["", "99", f"99{PAN}", "99=156", f"9X{PAN}=1", f"99{PAN}=x", TRACK_3.ljust(105, "0"), f"99{PAN}=\n"]
)
def test_what_is_no_track_3_is_refused(text):
    with pytest.raises(SensitiveValueError, match="not track 3 data"):
        Track3(text)


@given(st.text("0123456789=D;?^%B x", max_size=110))
def test_any_text_is_a_track_or_refused(text):
    for build in (Track2, Track3):
        try:
            track = build(text)
        except SensitiveValueError:
            continue
        assert track.pan.reveal() in track.reveal()
        assert track.pan.reveal() not in str(track)
