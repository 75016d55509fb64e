"""The audit chain: a whole log verifies; any changed, dropped, moved or cut record is found and named."""

from __future__ import annotations

import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posterm.hsm.audit import AuditHead, AuditReport, chain, record_hash, verify


def log(count: int) -> list[str]:
    records: list[str] = []
    for place in range(count):
        records.append(chain(records[-1] if records else "", 1_893_456_000 + place, "done", {"activity": f"a{place}"}))
    return records


def head_of(records: list[str]) -> AuditHead:
    return AuditHead(len(records), record_hash(records[-1]) if records else "")


@pytest.mark.parametrize("count", [0, 1, 2, 7])
def test_a_whole_log_verifies_with_and_without_its_head(count: int):
    records = log(count)
    assert verify(records) == verify(records, head_of(records)) == AuditReport(count)
    assert verify(records).whole


def test_a_record_has_one_form():
    assert chain("", 7, "done", {"who": "é"}) == '{"at":7,"event":"done","number":1,"previous":"","who":"\\u00e9"}'


@pytest.mark.parametrize("place", range(1, 7))
def test_a_changed_record_is_named(place: int):
    records = log(7)
    fields = json.loads(records[place - 1])
    records[place - 1] = json.dumps({**fields, "activity": "other"}, sort_keys=True, separators=(",", ":"))
    report = verify(records)
    assert (report.fault, report.count) == (f"record {place} was changed", place - 1)


def test_a_change_of_the_last_record_shows_in_the_head():
    records = log(7)
    head = head_of(records)
    records[6] = records[6].replace("a6", "a7")
    assert verify(records).whole
    assert verify(records, head) == AuditReport(6, "record 7 was changed")


@pytest.mark.parametrize("place", range(1, 7))
def test_a_dropped_record_is_named(place: int):
    records = log(7)
    del records[place - 1]
    assert verify(records) == AuditReport(place - 1, f"record {place} was dropped or moved")


def test_several_dropped_records_are_named():
    assert verify(log(7)[3:]) == AuditReport(0, "record 1 to 3 was dropped or moved")


def test_records_in_another_order_are_named():
    records = log(7)
    records[2], records[4] = records[4], records[2]
    assert verify(records).fault == "record 3 to 4 was dropped or moved"
    assert verify([*log(3), log(2)[1]]).fault == "record 2 stands again in place 4"


@pytest.mark.parametrize("kept", range(7))
def test_a_cut_shows_in_the_head(kept: int):
    records = log(7)
    assert verify(records[:kept]).whole
    assert verify(records[:kept], head_of(records)) == AuditReport(kept, f"records {kept + 1} to 7 were cut off")


def test_a_record_behind_the_sealed_end_is_named():
    records = log(7)
    assert verify(records, head_of(records[:5])) == AuditReport(5, "record 6 was added behind the sealed end")


def test_another_log_of_the_same_length_is_none():
    other = [chain("", 1, "done")]
    assert verify([*other, *log(3)[1:]]) == AuditReport(0, "record 1 was changed")
    fields = json.loads(log(1)[0])
    forged = json.dumps({**fields, "previous": "00"}, sort_keys=True, separators=(",", ":"))
    assert verify([forged]) == AuditReport(0, "record 1 was changed")


@pytest.mark.parametrize("record", ["", "{}", "[]", "null", '{"number":1}', "[" * 100_000, "\ud800", '{"a": 1}'])
def test_a_line_that_is_no_record_is_a_changed_one(record: str):
    assert verify([record]).fault == "record 1 was changed"
    if record:
        with pytest.raises(ValueError, match="is none"):
            chain(record, 1, "done")


@pytest.mark.parametrize("fields", [{"at": 1}, {"number": 2}, {"previous": ""}, {"event": "x"}, {"long": "x" * 4_096}])
def test_a_record_keeps_its_own_fields_and_its_bound(fields: dict[str, str | int]):
    with pytest.raises(ValueError, match="audit record"):
        chain("", 1, "done", fields)


@given(st.lists(st.text(max_size=80), max_size=6))
def test_any_lines_give_a_report(lines: list[str]):
    assert verify(lines).whole == (lines == [])


@given(st.integers(0, 2**32))
def test_a_seeded_edit_of_any_kind_is_found(seed: int):
    draw = random.Random(seed)
    records = log(draw.randrange(2, 12))
    head, edited = head_of(records), list(records)
    place = draw.randrange(len(edited))
    kind = draw.choice(["drop", "swap", "byte", "repeat", "cut"])
    match kind:
        case "drop":
            del edited[place]
        case "swap":
            other = draw.choice([each for each in range(len(edited)) if each != place])
            edited[place], edited[other] = edited[other], edited[place]
        case "byte":
            at = draw.randrange(len(edited[place]))
            edited[place] = edited[place][:at] + chr(ord(edited[place][at]) ^ 1) + edited[place][at + 1 :]
        case "repeat":
            edited.insert(place, edited[place])
        case "cut":
            edited = edited[:place]
    assert not verify(edited, head).whole, f"seed {seed}: {kind} at {place}"
