"""Documents on paper: flowing text and tables as PDF, the same bytes for the same content.

Chinese text is set in a font of Adobe's Asian font pack, which readers have and the file does not hold.
"""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from typing import Final
from xml.sax.saxutils import escape

from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.platypus import Flowable, Paragraph, SimpleDocTemplate, Table, TableStyle

FONT: Final = "STSong-Light"
TITLE: Final = ParagraphStyle("title", fontName=FONT, fontSize=16, leading=24, alignment=1, spaceAfter=16)
HEADING: Final = ParagraphStyle("heading", fontName=FONT, fontSize=12, leading=18, spaceBefore=6)
TEXT: Final = ParagraphStyle("text", fontName=FONT, fontSize=10, leading=15)
_MARGIN: Final = 25 * mm
_SMALL: Final = 7


def paragraph(text: str, style: ParagraphStyle) -> Paragraph:
    """A paragraph; one that has Chinese text may be broken between any two characters."""
    breaks = "CJK" if any(char > "⺀" for char in text) else None
    return Paragraph(escape(text), ParagraphStyle(style.name, style, wordWrap=breaks))


def table(head: Sequence[str], rows: Sequence[Sequence[str]], *, numbers_from: int) -> Table:
    """A table whose head is repeated on every page; columns from `numbers_from` on are set to the right."""
    style = [
        ("FONT", (0, 0), (-1, -1), FONT, _SMALL),
        ("LINEBELOW", (0, 0), (-1, 0), 0.5, colors.black),
        ("ALIGN", (numbers_from, 0), (-1, -1), "RIGHT"),
        ("ROWBACKGROUNDS", (0, 1), (-1, -1), [colors.white, colors.whitesmoke]),
    ]
    return Table([list(head), *map(list, rows)], repeatRows=1, style=TableStyle(style), hAlign="LEFT")


def drawn(story: Sequence[Flowable], title: str) -> bytes:
    """The PDF."""
    target = BytesIO()
    margins = {f"{side}Margin": _MARGIN for side in ("left", "right", "top", "bottom")}
    document = SimpleDocTemplate(target, pagesize=A4, title=title, author="posterm", invariant=1, **margins)
    document.build(list(story))
    return target.getvalue()


pdfmetrics.registerFont(UnicodeCIDFont(FONT))
