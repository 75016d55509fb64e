"""Dialects from the tables of other libraries. Each gives a dialect, its TOML text, and what could not be carried over.

>>> from posterm.iso8583.importers import import_pyiso8583
>>> text = {"data_enc": "ascii", "len_enc": "ascii", "len_type": 0, "max_len": 4}
>>> import_pyiso8583({"t": text, "p": {**text, "max_len": 16}, "11": {**text, "max_len": 6}}, "acme").dialect
<Dialect acme of 1 elements>
"""

from posterm.iso8583.importers.imported import Imported, LeftOut
from posterm.iso8583.importers.jpos import import_jpos
from posterm.iso8583.importers.moov import import_moov
from posterm.iso8583.importers.pyiso8583 import import_pyiso8583
from posterm.iso8583.importers.toml_text import dialect_toml

__all__ = ["Imported", "LeftOut", "dialect_toml", "import_jpos", "import_moov", "import_pyiso8583"]
