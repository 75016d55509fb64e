"""Every command, dialect and setting stands in the documents, and their tables say what the program does."""

from __future__ import annotations

import importlib
import itertools
import re
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
import typer
from pydantic import BaseModel

from posterm.console.cli.options import examples
from posterm.console.configuration import Configuration
from posterm.emv.config import Transaction
from posterm.hsm import Lmk, MacAlgorithm, PinFormat, SoftHsm
from posterm.iso8583 import Element, get_dialect
from posterm.merchant import OfficeTerms
from posterm.terminal import chip
from posterm.terminal.effects import Keyed, Swiped
from posterm.terminal.mapping import NO_PIN, CodeData, Identity, Mapper, PinData, card_data, chip_card
from posterm.terminal.records import JournalEntry, Status
from posterm.unionpay.key_layout import LAYOUT_NAMES
from posterm.unionpay.profile import AcquirerProfile, get_profile
from posterm.unionpay.transactions import CODE_KINDS, CODE_SALES, TRANSACTIONS, Entry, Kind
from simulators.cards import TEST_CARDS, find_card
from tests.structure.source_tree import ROOT
from tests.terminal.scripted_kernel import ScriptedKernel

MAIN = "posterm.console.cli.main"


def documents() -> str:
    return "\n".join(path.read_text(encoding="utf-8") for path in sorted((ROOT / "docs").rglob("*.md")))


def commands(app: typer.Typer, program: str = "posterm") -> Iterator[str]:
    """Every command a user can type, groups walked through; hidden ones left out."""
    pending = [(program, typer.main.get_command(app))]
    while pending:
        path, command = pending.pop()
        below = getattr(command, "commands", None)
        if below is None:
            yield path
            continue
        pending.extend((f"{path} {name}", child) for name, child in below.items() if not child.hidden)


def undocumented(app: typer.Typer, text: str) -> list[str]:
    return sorted(command for command in commands(app) if command not in text)


def test_every_command_is_documented():
    if (ROOT / MAIN.replace(".", "/")).with_suffix(".py").exists():
        assert undocumented(importlib.import_module(MAIN).app, documents()) == []


def test_every_dialect_is_documented():
    text = documents()
    dialects = sorted(path.stem for path in (ROOT / "posterm/iso8583/dialects").glob("*.toml"))
    assert [name for name in dialects if f"`{name}`" not in text] == []


def test_every_make_target_is_documented():
    lines = (ROOT / "Makefile").read_text(encoding="utf-8").splitlines()
    targets = [line.split(":")[0] for line in lines if " ## " in line]
    text = documents()
    assert targets
    assert [target for target in targets if f"make {target}" not in text] == []


def test_a_command_that_no_document_mentions_is_seen():
    app, group = typer.Typer(), typer.Typer()
    app.command("demo")(lambda: None)
    app.command("secret", hidden=True)(lambda: None)
    group.command("list")(lambda: None)
    app.add_typer(group, name="cards")
    assert undocumented(app, "posterm demo runs a day; posterm cards") == ["posterm cards list"]
    assert undocumented(app, "posterm demo, posterm cards list") == []


# --- settings -----------------------------------------------------------------------------------------------------


def table_rows(document: str) -> list[list[str]]:
    """The cells of every table row of a document, those of all its tables."""
    text = (ROOT / "docs" / document).read_text(encoding="utf-8")
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line[:1] == "|"]


def settings(model: type[BaseModel], section: str = "") -> Iterator[tuple[str, str, object]]:
    """Section, key and default of every setting of a model; tables of free keys come with an empty default."""
    for key, field in model.model_fields.items():
        if isinstance(field.default, BaseModel):
            yield from settings(type(field.default), key)
        else:
            yield section, key, field.default


def as_toml(value: object) -> str:
    """A default as the documents write it; sets of codes in order."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, frozenset | tuple):
        return "[" + ", ".join(f'"{each}"' for each in sorted(value)) + "]"
    return str(value) if isinstance(value, int | float) else f'"{value}"'


def documented_default(document: str, key: str) -> list[str]:
    return [row[1].strip("`") for row in table_rows(document) if row[0] == f"`{key}`"]


FREE_TABLES = ("elements", "response_codes")


@pytest.mark.parametrize(
    ("section", "key", "default"),
    list(settings(AcquirerProfile)),
    ids=lambda value: value if type(value) is str else "",
)
def test_every_knob_of_the_acquirer_profile_is_documented_with_its_default(section, key, default):
    text = (ROOT / "docs/acquirer-profile.md").read_text(encoding="utf-8")
    if key in FREE_TABLES:
        assert f"## [{key}]" in text
        return
    assert not section or f"## [{section}]" in text
    if key in ("name", "description"):
        assert documented_default("acquirer-profile.md", key)
    else:
        assert as_toml(default) in documented_default("acquirer-profile.md", key)


@pytest.mark.parametrize(
    ("section", "key", "default"), list(settings(Configuration)), ids=lambda value: value if type(value) is str else ""
)
def test_every_key_of_the_configuration_is_documented_with_its_default(section, key, default):
    assert not section or f"`[{section}]`" in (ROOT / "docs/configuration.md").read_text(encoding="utf-8")
    expected = "two" if key in ("tmk_components", "zmk_components") else as_toml(default)
    assert expected in documented_default("configuration.md", key)


def test_every_term_of_the_office_is_documented_with_its_default():
    documented = {row[0].strip("`"): row[1].strip("`") for row in table_rows("office-terms.md")[2:]}
    assert documented == {key: as_toml(default) for _, key, default in settings(OfficeTerms)}


def test_every_key_layout_is_documented():
    text = (ROOT / "docs/acquirer-profile.md").read_text(encoding="utf-8")
    assert [name for name in LAYOUT_NAMES if f"`{name}`" not in text] == []


def test_every_algorithm_of_the_calculator_is_documented():
    text = (ROOT / "docs/calc.md").read_text(encoding="utf-8")
    assert [name for name in (*MacAlgorithm, *PinFormat) if f"`{name.value}`" not in text] == []


def test_every_test_card_is_documented():
    named = [row[0].strip("`") for row in table_rows("test-cards.md")]
    assert [card.name for card in TEST_CARDS if card.name not in named] == []


# --- the link -----------------------------------------------------------------------------------------------------


def element_format(element: Element) -> str:
    prefix = f"..{element.format.length} {'L' * element.prefix.digits}" if element.prefix else element.format.length
    return f"{element.format.kind}{prefix}"


def test_the_element_table_is_that_of_the_dialect():
    documented = [row[:3] for row in table_rows("unionpay-pos.md") if len(row) == 4 and row[0].isdigit()]
    elements = get_dialect("unionpay-pos").elements
    assert documented == [[str(number), each.name, element_format(each)] for number, each in elements.items()]


FROM_A_CARD = frozenset({Kind.BALANCE, Kind.SALE, Kind.PREAUTH, Kind.OFFLINE_SALE, Kind.CHIP_OFFLINE_SALE})


def requests(kind: Kind) -> Iterator[frozenset[int]]:
    """The elements of a request for every way to present a card, with and without a PIN."""
    card = find_card("debit")
    assert card is not None
    mapper = Mapper(
        get_profile("default"),
        Identity("10000001", "898310058120001"),
        SoftHsm(Lmk.test(), entropy=lambda size: bytes(range(1, size + 1))),
    )
    original = JournalEntry(
        batch="000001",
        stan="000002",
        kind=Kind.SALE,
        amount_minor=100,
        currency="156",
        status=Status.APPROVED,
        entry=Entry.STRIPE,
        operator="01",
        at="2030-01-01T12:00:00",
        rrn="010100000002",
        auth_code="123456",
        host_date="0101",
    )
    swiped = (Swiped(card.track2), Swiped(card.track2, card.track3), Swiped(None, card.track3))
    presented = [card_data(reply) for reply in (*swiped, Keyed(card.pan, card.expiry))]
    inserted = chip_card(Entry.CHIP, ScriptedKernel().values(Transaction(100, datetime(2030, 1, 1, tzinfo=UTC))))
    if kind in chip.KINDS:
        presented.append(inserted)
    elif kind is Kind.CHIP_OFFLINE_SALE:
        presented = [inserted]
    elif kind in CODE_KINDS:
        presented = [CodeData(Entry.CODE, "134567890123456789" if kind is Kind.QR_SALE else "")]
    pins = (NO_PIN,) if kind is Kind.CHIP_OFFLINE_SALE else (NO_PIN, PinData(bytes(8), entered=True))
    for read, pin in itertools.product(presented, pins):
        request = mapper.request(
            kind,
            stan="000003",
            batch="000001",
            amount_minor=None if kind in (Kind.BALANCE, Kind.QR_QUERY) else 100,
            currency="156",
            card=read,
            operator="01",
            pin=pin,
            original=None if kind in FROM_A_CARD | CODE_SALES else original,
            auth_code="123456" if kind is Kind.OFFLINE_SALE else "",
        )
        yield frozenset({*request, 64})


@pytest.mark.parametrize("kind", list(Kind))
def test_the_table_of_requests_is_what_the_terminal_sends(kind):
    row = TRANSACTIONS[kind]
    sent = list(requests(kind))
    always = frozenset.intersection(*sent)
    sometimes = frozenset.union(*sent) - always
    documented = next(cells for cells in table_rows("unionpay-pos.md") if cells[0] == kind.value)
    assert documented[1:5] == [row.mti, row.processing_code, row.condition, row.message_type]
    assert documented[5:] == [" ".join(map(str, sorted(always))), " ".join(map(str, sorted(sometimes)))]


# --- commands -----------------------------------------------------------------------------------------------------


def code(text: str) -> Iterator[str]:
    """What stands between backticks or in fenced blocks."""
    for place, part in enumerate(text.split("```")):
        if place % 2:
            yield from part.splitlines()
        else:
            yield from re.findall(r"`([^`]+)`", part)


def test_every_example_of_a_document_names_a_command():
    known = set(commands(importlib.import_module(MAIN).app))
    for line in code(documents()):
        for words in re.findall(r"(?:^|\$ |\| )(posterm(?: [a-z][a-z-]*)+)", line):
            named = {words, *(" ".join(words.split(" ")[:size]) for size in (2, 3))}
            assert named & known or any(command.startswith(f"{words} ") for command in known), words


def test_examples_stand_each_on_its_own_line():
    assert examples("a", "b") == "Examples:\n\na\n\nb"
