"""Acquirer profiles: the two built in, files that derive from them, and every way in which one can be wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from posterm.hsm import MacAlgorithm, PinFormat
from posterm.unionpay.errors import ProfileError
from posterm.unionpay.profile import AcquirerProfile, get_profile, load_profile, profile_names


def written(folder: Path, text: str) -> str:
    path = folder / "acquirer.toml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_the_default_profile_is_the_published_link() -> None:
    default = get_profile("default")
    assert (default.frame.header, default.frame.tpdu_destination, default.frame.swap_tpdu) == (
        "603100310000",
        "0003",
        True,
    )
    assert (default.keys.sign_on_code, default.keys.layout) == ("003", "double")
    assert (default.mac.algorithm, default.pin.pin_format) == (MacAlgorithm.UNIONPAY_ECB, PinFormat.ISO_0)
    assert default.reversal.ok_codes == {"00", "12", "25"}
    assert default.timers.response_s == 60


def test_the_direct_profile_differs_in_every_way_it_says() -> None:
    default, direct = get_profile("default"), get_profile("direct")
    for section in ("frame", "mac", "pin", "keys", "reversal", "settlement", "tusn"):
        assert getattr(default, section) != getattr(direct, section)
    assert direct.pin.pin_format is PinFormat.NO_PAN
    assert direct.knows_code("C8"), "what it does not name it has from the profile it derives from"
    assert profile_names() == ["default", "direct", "sm4"]


ACME = """
derive = "default"
name = "acme"
[timers]
response_s = 30
[response_codes]
X1 = { category = "B", text = "later", zh = "稍后" }
"""

TEXT_IN_56 = """
derive = "default"
name = "acme"
[elements.56]
name = "Text"
kind = "text"
encoding = "gb18030"
max = 60
prefix = "LLL"
"""


def test_a_file_names_only_its_differences(tmp_path: Path) -> None:
    profile = load_profile(written(tmp_path, ACME))
    assert (profile.name, profile.timers.response_s, profile.timers.connect_s) == ("acme", 30, 10)
    assert profile.knows_code("X1")
    assert profile.knows_code("C8")


def test_a_file_can_change_the_dialect_and_only_its_own(tmp_path: Path) -> None:
    assert load_profile(written(tmp_path, TEXT_IN_56)).dialect.name == "unionpay-pos/acme"
    assert get_profile("default").dialect.name == "unionpay-pos"


def test_a_copy_has_a_dialect_of_its_own() -> None:
    default = get_profile("default")
    assert default.dialect is default.dialect
    element = {"name": "Text", "kind": "text", "encoding": "gb18030", "max": 60, "prefix": "LLL"}
    copy = default.model_copy(update={"name": "copy", "elements": {"56": element}})
    assert copy.dialect.name == "unionpay-pos/copy"
    assert default.dialect.name == "unionpay-pos"


BAD_KNOBS = {
    "frame.length_prefix": '"be32"',
    "frame.length_counts_itself": '"perhaps"',
    "frame.max_bytes": "10",
    "frame.tpdu_destination": '"3"',
    "frame.tpdu_source": '"00x0"',
    "frame.swap_tpdu": "7",
    "frame": '{ header = "6031" }',
    "frame.keep_alive": '"?"',
    "frame.bogus": "1",
    "mac.algorithm": '"rot13"',
    "mac.on_declines": '"?"',
    "pin.format": '"iso-4"',
    "pin.block_without_pin": '"?"',
    "pin.max_digits": '"08"',
    "keys.sign_on_code": '"007"',
    "keys": '{ layout = "triple" }',
    "reversal.attempts": "0",
    "reversal.ok_codes": '"00"',
    "reversal.unknown_original": '"12"',
    "settlement.captured_by": '"nobody"',
    "settlement.auto_sign_off": '"?"',
    "settlement.batch_size_max": "1000",
    "rules.completion_percent_max": "99",
    "rules.tip_percent_max": "-1",
    "rules.refund_same_batch": '"?"',
    "rules.refund_days_max": "0",
    "rules.pin_tries_max": "0",
    "timers.response_s": "0",
    "timers.connect_s": "nan",
    "tusn.element": "58",
    "tusn.send": '"?"',
    "operator_in_63_always": '"?"',
    "response_text_element": "55",
    "elements": "3",
    "response_codes.X1": '{ category = "Q", text = "a", zh = "b" }',
    "name": "3",
    "bogus": "1",
}


@pytest.mark.parametrize("key", BAD_KNOBS)
def test_a_knob_that_does_not_fit_is_named(tmp_path: Path, key: str) -> None:
    *section, knob = key.split(".")
    table = f"[{section[0]}]\n" if section else ""
    with pytest.raises(ProfileError) as refused:
        load_profile(written(tmp_path, f'derive = "default"\n{table}{knob} = {BAD_KNOBS[key]}\n'))
    assert f"acquirer.toml: {key}" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_tracks_are_enciphered_only_where_a_track_key_comes(tmp_path: Path) -> None:
    with pytest.raises(ProfileError, match="track key"):
        load_profile(written(tmp_path, 'derive = "default"\n[keys]\nencrypt_tracks = true\n'))


@pytest.mark.parametrize(
    "element",
    [
        "44 = 3",
        "44 = { bogus = 1 }",
        '44 = { kind = "zz" }',
        'x = { kind = "n", length = 1 }',
        '200 = { kind = "n", length = 1, name = "N" }',
    ],
)
def test_an_element_that_does_not_fit_is_a_fault_of_the_profile(tmp_path: Path, element: str) -> None:
    with pytest.raises(ProfileError, match=r"acquirer.toml: elements"):
        load_profile(written(tmp_path, f'derive = "default"\n[elements]\n{element}\n'))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("name =", "not TOML"),
        ("= 3", "not TOML"),
        ("[frame]\n[frame]\n", "not TOML"),
        ("", "name"),
        ('derive = "no-such"\nname = "x"', "derive"),
        ('derive = 3\nname = "x"', "derive"),
        ('derive = ["default"]\nname = "x"', "derive"),
        ('derive = { a = 1 }\nname = "x"', "derive"),
    ],
)
def test_a_file_that_is_no_profile_is_refused(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(ProfileError, match=says):
        load_profile(written(tmp_path, text))


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    binary = tmp_path / "binary.toml"
    binary.write_bytes(b"\xff\xfe\x00")
    folder = tmp_path / "folder.toml"
    folder.mkdir()
    for path in (binary, folder, tmp_path / "missing.toml"):
        with pytest.raises(ProfileError, match="cannot read"):
            load_profile(str(path))


@pytest.mark.parametrize("name", ["", "no-such", "Default", "../profile", "default/x", "default.yaml"])
def test_an_unknown_name_says_which_there_are(name: str) -> None:
    with pytest.raises(ProfileError) as refused:
        load_profile(name)
    assert "default, direct" in str(refused.value.hint)


def test_a_profile_is_frozen() -> None:
    with pytest.raises(ValueError, match="frozen"):
        get_profile("default").name = "other"
    assert isinstance(get_profile("default"), AcquirerProfile)


def test_a_mac_that_does_not_go_with_its_key_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "acme.toml"
    path.write_text('derive = "default"\nname = "acme"\n[mac]\nalgorithm = "unionpay-sm4-ecb"\n', encoding="utf-8")
    with pytest.raises(ProfileError, match="unionpay-sm4-ecb does not go with a des MAK of layout double"):
        load_profile(str(path))
