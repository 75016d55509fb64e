"""A module imports from its own package and from layers below; layers 1 to 5 do no I/O; a library has one door.

Imports are read from the syntax tree, so those inside functions and under `if TYPE_CHECKING` count too.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from tests.structure.source_tree import Module, modules

LAYERS = (
    ("posterm.errors", "posterm.amount", "posterm.bcd", "posterm.tlv", "posterm.sensitive", "posterm"),
    ("posterm.iso8583", "posterm.emv", "posterm.hsm", "posterm.qr"),
    ("posterm.unionpay",),
    ("posterm.terminal", "posterm.host"),
    ("posterm.merchant",),
    ("posterm.runtime",),
    ("posterm.api", "simulators", "benchmarks"),
    ("posterm.console", "posterm.testing"),
)
LAYER = {part: number for number, parts in enumerate(LAYERS, start=1) for part in parts}
WITHIN_A_LAYER = {("benchmarks", "simulators")}
"""Imports between neighbours, besides those of layer 1: what is measured runs in a simulated world."""

LAST_LAYER_WITHOUT_IO = 5
IO_MODULES = frozenset(
    {"asyncio", "http", "importlib", "io", "logging", "os", "pathlib", "random", "secrets", "select", "selectors"}
    | {"serial", "shutil", "signal", "smartcard", "socket", "sqlite3", "ssl", "subprocess", "sys", "tempfile"}
    | {"threading", "time", "urllib"}
)
CLOCK_CALLS = frozenset({"now", "today", "utcnow"})
MAY_READ_DATA_FILES = {
    "posterm.emv.ca_key_file": "keys of certification authorities are a data file: the package's own, or one named",
    "posterm.emv.config_file": "a terminal's configuration is a data file: the package's own, or one the caller names",
    "posterm.host.data_files": "plans, card ranges and working days are data files: the package's own, or those named",
    "posterm.iso8583.dialect_file": "a dialect is a data file: the package's own, or one the caller names",
    "posterm.unionpay.profile": "an acquirer profile is a data file: the package's own, or one the caller names",
}
"""The only modules below `runtime` that read a file, each with its reason. None writes one."""

MAY_HOLD_BYTES_AS_FILES = {
    "posterm.merchant.picture": "Pillow reads pictures from a file object, here always a BytesIO",
    "posterm.merchant.sales_plot": "Matplotlib draws into a file object, here always a BytesIO",
    "posterm.merchant.pdf": "ReportLab writes documents to a file object, here always a BytesIO",
}
"""The only modules below `runtime` that import `io`: libraries they use know files alone."""

READING_A_FILE = frozenset({"importlib", "pathlib", "open"})
WRITING_CALLS = frozenset({"write_text", "write_bytes", "unlink", "mkdir", "rename", "touch"})
DOORS = {
    "cryptography": ("posterm.hsm.primitives",),
    "segno": ("posterm.console.code_drawing",),
    "sqlite3": ("posterm.runtime.store",),
    "psycopg": ("posterm.runtime.store.postgres_host",),
    "smartcard": ("posterm.runtime.pcsc",),
    "serial": ("posterm.runtime.serial_port",),
    "fastapi": ("posterm.api",),
    "starlette": ("posterm.api",),
    "uvicorn": ("posterm.console.cli.api",),
    "prometheus_client": ("posterm.runtime.host_metrics",),
}
"""Which module, or package, is the only one of the product to import a library."""


def imports(module: Module) -> Iterator[str]:
    """Dotted names the module imports, wherever in it; `from a import b` gives `a.b`."""
    for node in module.nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = _origin(module, node)
            yield from (f"{base}.{alias.name}" for alias in node.names)


def part_of(name: str) -> str:
    """The part of the layer table a dotted name belongs to; empty for other libraries.

    `posterm.Something`, a name the root package defines, belongs to `posterm`.
    """
    first, _, rest = name.partition(".")
    if first != "posterm":
        return first if first in LAYER else ""
    return f"posterm.{rest.split('.')[0]}" if rest and f"posterm.{rest.split('.')[0]}" in LAYER else "posterm"


def layer_faults(module: Module) -> Iterator[str]:
    own = part_of(module.name)
    for name in imports(module):
        other = part_of(name)
        if other and other != own and not _may_import(own, other):
            yield f"{module.path}: {own} (layer {LAYER[own]}) imports {name} (layer {LAYER[other]})"


def io_faults(module: Module) -> Iterator[str]:
    if LAYER[part_of(module.name)] > LAST_LAYER_WITHOUT_IO:
        return
    allowed = READING_A_FILE if module.name in MAY_READ_DATA_FILES else frozenset()
    if module.name in MAY_HOLD_BYTES_AS_FILES:
        allowed |= {"io"}
    used = {name.split(".")[0] for name in imports(module)} & IO_MODULES
    for node in module.nodes:
        if not isinstance(node, ast.Call):
            continue
        if isinstance(node.func, ast.Name) and node.func.id in ("open", "input", "__import__"):
            used.add(node.func.id)
        elif isinstance(node.func, ast.Attribute) and node.func.attr in CLOCK_CALLS | WRITING_CALLS:
            used.add(f"{node.func.attr}()")
    yield from (f"{module.path} uses {name}" for name in sorted(used - allowed))


def door_faults(module: Module) -> Iterator[str]:
    for library, doors in DOORS.items():
        if any(name.split(".")[0] == library for name in imports(module)) and not any(
            module.name == door or module.name.startswith(f"{door}.") for door in doors
        ):
            yield f"{module.path} imports {library}, whose door is {' or '.join(doors)}"


def strangers_faults(module: Module) -> Iterator[str]:
    """A simulated card shares codecs with the kernel it tests, and nothing that decides or verifies."""
    if module.name.startswith("simulators.card."):
        own = ("posterm.emv.kernel", "posterm.emv.contactless", "posterm.emv.certificates", "posterm.emv.dol")
        yield from (f"{module.path} imports {name}" for name in imports(module) if name.startswith(own))


def _origin(module: Module, node: ast.ImportFrom) -> str:
    if not node.level:
        return node.module or ""
    package = module.name.split(".") if module.is_package else module.name.split(".")[:-1]
    base = package[: len(package) - (node.level - 1)]
    return ".".join([*base, node.module] if node.module else base)


def _may_import(own: str, other: str) -> bool:
    if LAYER[own] == LAYER[other]:
        return LAYER[own] == 1 or (own, other) in WITHIN_A_LAYER
    if other == "benchmarks":
        return False  # not part of the wheel
    return LAYER[other] < LAYER[own]


def test_every_package_has_a_layer():
    parts = {".".join(module.name.split(".")[:2]) for module in modules("posterm")}
    assert parts - set(LAYER) == set()


def test_no_module_imports_from_above():
    assert [fault for module in modules("posterm", "simulators", "benchmarks") for fault in layer_faults(module)] == []


def test_nothing_below_runtime_does_io():
    assert [fault for module in modules("posterm") for fault in io_faults(module)] == []


def test_every_exception_names_a_module_that_is_there():
    assert set(MAY_READ_DATA_FILES) - {module.name for module in modules("posterm")} == set()


def test_each_library_is_imported_by_its_door_only():
    assert [fault for module in modules("posterm") for fault in door_faults(module)] == []


def test_the_simulated_card_knows_nothing_of_the_kernel():
    assert [fault for module in modules("simulators") for fault in strangers_faults(module)] == []
    seen = Module.from_text("simulators.card.applet", "from posterm.emv.kernel import contact\nimport posterm.emv.tags")
    assert len(list(strangers_faults(seen))) == 1


def test_the_product_does_not_import_its_tests():
    named = [f"{module.path}: {name}" for module in modules("posterm", "simulators") for name in imports(module)]
    assert [
        line
        for line in named
        if line.split(": ")[1].split(".")[0] in ("tests", "pytest", "hypothesis")
        and not line.startswith("posterm/testing/")
    ] == []


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("posterm.iso8583.codec", "import posterm.hsm.keys"),
        ("posterm.iso8583.codec", "from posterm import terminal"),
        ("posterm.iso8583.codec", "from ..unionpay import frame"),
        ("posterm.hsm.keys", "def late():\n    from posterm.runtime.clock import now"),
        ("posterm.terminal.engine", "from posterm.host import Host"),
        ("posterm.runtime.tcp", "from posterm.console.cli import main"),
        ("posterm.runtime.tcp", "from simulators import cards"),
        ("simulators.network", "import benchmarks.load"),
        ("posterm.console.cli.main", "import benchmarks.load"),
        ("posterm.console.cli.main", "from posterm.testing import plugin"),
        ("posterm.bcd", "from posterm.hsm import Lmk"),
    ],
)
def test_an_import_from_above_or_beside_is_seen(name, source):
    assert len(list(layer_faults(Module.from_text(name, source)))) == 1


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("posterm.iso8583.codec", "from posterm.bcd import unpack\nfrom .errors import PackError"),
        ("posterm.iso8583.codec", "from posterm.iso8583.element import Element"),
        ("posterm.unionpay.profile", "from posterm import iso8583, hsm"),
        ("posterm.console.cli.main", "from posterm.runtime import tcp\nfrom simulators.cards import TEST_CARDS"),
        ("posterm.sensitive", "from posterm.bcd import is_digits"),
        ("benchmarks.test_codec", "from simulators.world import World"),
    ],
)
def test_an_import_from_below_or_within_is_allowed(name, source):
    assert list(layer_faults(Module.from_text(name, source))) == []


@pytest.mark.parametrize(
    "source",
    [
        "import socket",
        "import os.path",
        "from time import monotonic",
        "def late():\n    import random",
        "import logging",
        "from pathlib import Path",
        "open('x')",
        "import datetime\ndatetime.datetime.now()",
        "from datetime import date\ndate.today()",
    ],
)
def test_io_in_a_core_is_seen(source):
    assert len(list(io_faults(Module.from_text("posterm.terminal.engine", source)))) == 1
    assert list(io_faults(Module.from_text("posterm.runtime.tcp", source))) == []


def test_the_exception_for_data_files_covers_reading_only():
    name = next(iter(MAY_READ_DATA_FILES))
    assert list(io_faults(Module.from_text(name, "from pathlib import Path\nimport importlib.resources"))) == []
    assert len(list(io_faults(Module.from_text(name, "import socket")))) == 1
    assert len(list(io_faults(Module.from_text(name, "from pathlib import Path\nPath('x').write_text('y')")))) == 1


def test_a_second_door_is_seen():
    source = "from cryptography.hazmat.primitives import ciphers"
    assert list(door_faults(Module.from_text("posterm.hsm.primitives", source))) == []
    assert len(list(door_faults(Module.from_text("posterm.hsm.keys", source)))) == 1
    assert list(door_faults(Module.from_text("posterm.runtime.store.sqlite", "import sqlite3"))) == []
    assert len(list(door_faults(Module.from_text("posterm.runtime.tcp", "import sqlite3")))) == 1
