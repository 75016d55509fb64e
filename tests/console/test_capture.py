"""`posterm decode --file`: captures of every kind, streams put together, and what cannot be read told."""

from __future__ import annotations

import io
import json
import struct
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posterm.console.capture_file import read_packets
from posterm.console.capture_stream import CaptureReader, Found, Gap
from posterm.console.errors import InputError
from posterm.iso8583 import Message, encode_frame, get_dialect
from tests.console import captures
from tests.console.captures import ACK, FIN, SYN, Sent, ethernet, ipv4, ipv6, pcap, pcapng

DIALECT = get_dialect("iso87-ascii")
REQUEST = encode_frame(DIALECT.pack(Message("0800", {11: "000001", 41: "TERM0001"})))
ANSWER = encode_frame(DIALECT.pack(Message("0810", {11: "000001", 39: "00", 41: "TERM0001"})))
EXCHANGE = (Sent(b"", 0, flags=SYN), Sent(b"", 0, back=True, flags=SYN | ACK), Sent(REQUEST), Sent(ANSWER, back=True))


def found(*sent: Sent, port: int = captures.HOST_PORT, length: str | None = "be16") -> list[Found | Gap]:
    packets = read_packets(io.BytesIO(pcap([ethernet(ipv4(each)) for each in sent])))
    return list(CaptureReader(port, length).frames(packets))  # type: ignore[arg-type]


def payloads(*sent: Sent, length: str | None = "be16") -> list[bytes]:
    return [each.payload for each in found(*sent, length=length) if isinstance(each, Found)]


FILES = {
    "pcap": pcap([ethernet(ipv4(each)) for each in EXCHANGE]),
    "pcap, big-endian": pcap([ethernet(ipv4(each)) for each in EXCHANGE], order=">"),
    "pcap, nanoseconds": pcap([ethernet(ipv4(each)) for each in EXCHANGE], nanoseconds=True),
    "pcapng": pcapng([ethernet(ipv4(each)) for each in EXCHANGE]),
    "pcapng, big-endian": pcapng([ethernet(ipv4(each)) for each in EXCHANGE], order=">"),
    "two VLAN tags": pcap([ethernet(ipv4(each), vlans=2) for each in EXCHANGE]),
    "Linux cooked": pcap([captures.cooked(ipv4(each)) for each in EXCHANGE], link_type=113),
    "Linux cooked 2": pcap([captures.cooked_2(ipv4(each)) for each in EXCHANGE], link_type=276),
    "loopback": pcap([captures.loopback(ipv4(each)) for each in EXCHANGE], link_type=0),
    "raw IP": pcapng([ipv4(each) for each in EXCHANGE], link_type=101),
}


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("port", [[], ["--port", "8583"]], ids=["only port", "--port"])
def test_every_kind_of_capture_gives_the_same_messages(posterm, tmp_path, name, port):
    file = tmp_path / "trace"
    file.write_bytes(FILES[name])
    result = posterm("decode", "--file", str(file), *port, "--dialect", "iso87-ascii", "--json")
    assert (result.exit_code, result.stderr) == (0, "")
    asked, answered = json.loads(result.stdout)
    assert (asked["number"], asked["direction"], asked["mti"]) == (1, "to host", "0800")
    assert (answered["number"], answered["direction"], answered["mti"]) == (2, "from host", "0810")
    assert asked["source"] == answered["destination"] == "192.0.2.10:40000"
    assert [asked["time"], answered["time"]] == ["2030-03-17T17:46:40.002000Z", "2030-03-17T17:46:40.003000Z"]


def test_ip_version_6_and_its_extensions_are_read_through(posterm):
    hop_by_hop = b"\x3c\x00" + bytes(6)
    destination = b"\x06\x00" + bytes(6)
    packets = [ethernet(ipv6(each, extensions=hop_by_hop + destination, first=0)) for each in EXCHANGE]
    result = posterm("decode", "--file", "-", "--port", "8583", "-d", "iso87-ascii", stdin=pcap(packets))
    assert result.exit_code == 0
    assert "#1  2030-03-17T17:46:40.002000Z  [2001:db8::10]:40000 > [2001:db8::1]:8583  to host" in result.stdout


def test_the_table_of_a_capture_reads_as_it_should(posterm, tmp_path):
    file = tmp_path / "trace.pcap"
    file.write_bytes(FILES["pcap"])
    result = posterm("decode", "--file", str(file), "--dialect", "iso87-ascii")
    assert result.stdout == (
        "#1  2030-03-17T17:46:40.002000Z  192.0.2.10:40000 > 192.0.2.1:8583  to host\n"
        "MTI   Message type                    0800\n"
        "11    Systems trace audit number      000001\n"
        "41    Card acceptor terminal          TERM0001\n"
        "      identification\n"
        "\n"
        "#2  2030-03-17T17:46:40.003000Z  192.0.2.1:8583 > 192.0.2.10:40000  from host\n"
        "MTI   Message type                    0810\n"
        "11    Systems trace audit number      000001\n"
        "39    Response code                   00 (approved)\n"
        "41    Card acceptor terminal          TERM0001\n"
        "      identification\n"
    )


# --- streams ------------------------------------------------------------------------------------------------------

FRAMES = [bytes([number]) * 20 for number in range(3)]
STREAM = b"".join(map(encode_frame, FRAMES))
OPENING = Sent(b"", 0, flags=SYN)


@pytest.mark.parametrize("order", list(permutations(range(4))))
def test_segments_in_any_order_give_the_same_frames(order):
    cuts = [0, 5, 30, 44, len(STREAM)]
    pieces = [Sent(STREAM[cuts[place] : cuts[place + 1]], 1 + cuts[place]) for place in range(4)]
    assert payloads(OPENING, *(pieces[place] for place in order)) == FRAMES


@given(
    st.lists(st.tuples(st.integers(0, len(STREAM) - 1), st.integers(1, 40)), max_size=12),
    st.integers(0, (1 << 32) - 1),
)
def test_doubled_and_overlapping_segments_and_a_wrapping_number_change_nothing(extra, first):
    whole = [Sent(STREAM[at : at + 9], first + 1 + at) for at in range(0, len(STREAM), 9)]
    again = [Sent(STREAM[at : at + size], first + 1 + at) for at, size in extra]
    mixed = [segment for pair in zip(whole, [*again, *whole], strict=False) for segment in pair]
    assert payloads(OPENING._replace(at=first), *mixed, *whole) == FRAMES


def test_a_capture_that_begins_in_the_middle_begins_with_its_first_segment():
    assert payloads(Sent(STREAM, 77_777)) == FRAMES


def test_both_directions_and_several_connections_are_kept_apart():
    half = len(STREAM) // 2
    segments = [
        Sent(STREAM[:half]),
        Sent(STREAM[:half], back=True),
        Sent(STREAM[:half], 500, client_port=40_001),
        Sent(STREAM[half:], 1 + half),
        Sent(STREAM[half:], 1 + half, back=True),
        Sent(STREAM[half:], 500 + half, client_port=40_001),
    ]
    assert sorted(payloads(*segments)) == sorted(3 * FRAMES)


def test_a_port_used_again_is_a_new_stream():
    again = OPENING._replace(at=9_000)
    assert payloads(OPENING, Sent(STREAM), again, Sent(STREAM, 9_001)) == 2 * FRAMES


def test_without_framing_a_connection_is_a_message_each_way():
    segments = [OPENING, Sent(b"ab"), Sent(b"cd", 3), Sent(b"", 5, flags=FIN | ACK), Sent(b"ef", back=True)]
    assert payloads(*segments, length=None) == [b"abcd", b"ef"]


def test_other_ports_are_left_alone():
    assert payloads(Sent(b"\xff\xff\xff", port=443), Sent(STREAM)) == FRAMES


def test_what_is_missing_is_told_and_reading_goes_on_behind_it():
    size = len(STREAM) // 3
    lost, rest = found(OPENING, Sent(STREAM[:size]), Sent(STREAM[2 * size :], 1 + 2 * size))[1:]
    assert isinstance(lost, Gap)
    assert lost.why == f"{size} bytes are missing from the capture; reading goes on behind them"
    assert isinstance(rest, Found)
    assert rest.payload == FRAMES[2]


def test_a_frame_that_is_not_whole_is_told():
    gap = found(OPENING, Sent(STREAM[:-1]))[-1]
    assert isinstance(gap, Gap)
    assert gap.why == "21 bytes of a frame that is not whole"


def test_a_length_that_cannot_be_ends_its_direction_only():
    gaps = found(OPENING, Sent(b"\xab\xcd"), Sent(b"0004" + b"abcd", back=True), length="ascii4")
    assert [type(each) for each in gaps] == [Found, Gap]
    broken = found(Sent(b"zzzz"), Sent(b"0004abcd", 5), Sent(b"0004abcd", back=True), length="ascii4")
    assert isinstance(broken[0], Gap)
    assert "need 4 decimal digits (ascii4)" in broken[0].why
    assert [type(each) for each in broken] == [Gap, Found]


def test_fragments_and_other_protocols_are_counted_or_passed_over(posterm):
    packets = [ethernet(ipv4(Sent(REQUEST), fragment=0x2000)), ethernet(ipv4(Sent(b""), protocol=17)), b"\x00" * 9]
    capture = pcap([*packets, *(ethernet(ipv4(each)) for each in EXCHANGE)])
    result = posterm("decode", "-f", "-", "--port", "8583", "-d", "iso87-ascii", stdin=capture)
    assert result.exit_code == 1
    assert result.stderr == "error: capture: 1 IP fragments left out\n"


# --- files that are broken ----------------------------------------------------------------------------------------

GOOD = ethernet(ipv4(Sent(REQUEST)))
BROKEN = {
    "a packet too large": pcap([]) + struct.pack("<IIII", 0, 0, 400_000, 400_000),
    "another version of pcap": pcap([])[:4] + struct.pack("<HHiIII", 3, 4, 0, 0, 65_535, 1),
    "a header cut off": pcap([])[:20],
    "a packet cut off": pcap([GOOD])[:-1],
    "no byte order": captures.section()[:8] + bytes(4) + captures.section()[12:],
    "a block of no length": captures.section() + struct.pack("<II", 1, 0) + bytes(8),
    "a block of odd length": captures.section() + struct.pack("<II", 1, 21) + bytes(24),
    "a huge block": captures.section() + struct.pack("<II", 1, 0xFFFF_FFFC) + bytes(24),
    "another length at its end": captures.section() + captures.interface()[:-4] + struct.pack("<I", 24),
    "an interface too short": captures.section() + captures.block(1, b"\0\0\0\0"),
    "a packet without interface": captures.section() + captures.enhanced(GOOD, 0),
    "a packet of another interface": captures.section() + captures.interface() + captures.enhanced(GOOD, 0, index=1),
    "a packet block too short": captures.section() + captures.interface() + captures.block(6, bytes(8)),
    "a packet larger than its block": captures.section()
    + captures.interface()
    + captures.block(6, struct.pack("<IIIII", 0, 0, 0, 100, 100) + bytes(8)),
    "too many interfaces": captures.section() + 300 * captures.interface(),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_capture_ends_in_one_line(posterm, tmp_path, name):
    file = tmp_path / "trace"
    file.write_bytes(BROKEN[name])
    result = posterm("decode", "--file", str(file), "--port", "8583")
    assert (result.exit_code, result.stdout) == (2, "")
    first, *rest = result.stderr.splitlines()
    assert first.startswith("error: capture")
    assert all(line.startswith("hint: ") for line in rest)


def test_what_comes_before_the_break_is_shown(posterm):
    capture = pcap([GOOD, GOOD])[:-9]
    result = posterm("decode", "--file", "-", "--port", "8583", "-d", "iso87-ascii", stdin=capture)
    assert result.exit_code == 1
    assert "TERM0001" in result.stdout
    assert "error: capture, at byte" in result.stderr


@given(st.binary(max_size=200), st.sampled_from(["", "pcap", "pcapng"]))
def test_any_bytes_are_read_or_refused(data, kind):
    head = {"": b"", "pcap": pcap([]), "pcapng": captures.section() + captures.interface()}[kind]
    try:
        list(CaptureReader(8583, "be16").frames(read_packets(io.BytesIO(head + data))))
    except InputError:
        return


@given(st.binary(max_size=120), st.sampled_from([0, 1, 101, 108, 113, 276, 147]))
def test_any_packet_is_read_or_left_out(packet, link_type):
    capture = pcap([packet], link_type=link_type)
    list(CaptureReader(8583, "be16").frames(read_packets(io.BytesIO(capture))))


def test_a_simple_packet_and_another_resolution_of_time_are_read():
    nanoseconds = struct.pack("<HHBxxx", 9, 1, 9) + struct.pack("<HH", 0, 0)
    simple = captures.block(3, struct.pack("<I", len(GOOD)) + GOOD)
    file = (
        captures.section() + captures.interface(options=nanoseconds) + captures.enhanced(GOOD, 1_000_000_001) + simple
    )
    first, second = read_packets(io.BytesIO(file))
    assert (first.time_ns, second.time_ns) == (1_000_000_001, 0)
    assert first.data == second.data == GOOD


# --- what a user can get wrong ------------------------------------------------------------------------------------

TWO_PORTS = pcap([ethernet(ipv4(Sent(REQUEST))), ethernet(ipv4(Sent(b"", port=443)))])


@pytest.mark.parametrize(
    ("arguments", "stdin", "says", "hints"),
    [
        (("--file", "nowhere.pcap"), b"", "error: nowhere.pcap: need a readable file", ""),
        (("--file", "-", "--port", "1"), b"0800", "error: --port: need a capture", "--file"),
        (("00", "--port", "1"), b"", "error: --port: need a capture", "--file"),
        (("--file", "-"), TWO_PORTS, "error: --port: need the host's TCP port", "8583 (1 packets), 443 (1 packets)"),
        (("--file", "-", "--port", "9"), TWO_PORTS, "error: capture: need messages on port 9, have none", "listens on"),
        (("--file", "-", "--port", "9"), pcap([]), "error: capture: need messages on port 9", "holds no TCP"),
        (("--file", "-", "--framing", "be64"), b"", "error: --framing: need one of be16 bcd16", ""),
        (("--file", "-", "--header", "tcp"), b"", "error: --header: need tpdu, cups, visa or 1 to 255 bytes", ""),
    ],
)
def test_a_mistake_ends_in_one_line_and_a_hint(posterm, arguments, stdin, says, hints):
    result = posterm("decode", *arguments, stdin=stdin)
    assert (result.exit_code, result.stdout) == (2, "")
    first, *rest = result.stderr.splitlines()
    assert first.startswith(says)
    assert hints in "".join(rest)


@pytest.mark.parametrize("arguments", [(), ("00", "--file", "-")], ids=["neither", "both"])
def test_a_message_or_a_file_is_needed(posterm, arguments):
    result = posterm("decode", *arguments)
    assert result.exit_code == 2
    assert "need either a message or --file" in result.stderr


# --- streams of frames without a capture --------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["be16", "bcd16", "ascii4", "be32"])
@pytest.mark.parametrize("written", [bytes, lambda data: data.hex().encode()], ids=["bytes", "digits"])
def test_a_stream_of_frames_is_numbered(posterm, tmp_path, form, written):
    file = tmp_path / "frames"
    messages = [DIALECT.pack(Message("0800", {11: stan})) for stan in ("000001", "000002")]
    file.write_bytes(written(b"".join(encode_frame(each, form) for each in messages)))
    result = posterm("decode", "--file", str(file), "--framing", form, "-d", "iso87-ascii", "--json")
    assert [(each["number"], each["elements"]["11"]) for each in json.loads(result.stdout)] == [
        (1, "000001"),
        (2, "000002"),
    ]


def test_an_empty_frame_keeps_alive_and_one_cut_off_is_told(posterm):
    result = posterm("decode", "0000" + REQUEST.hex() + "0005AB", "--framing", "be16", "-d", "iso87-ascii")
    assert result.exit_code == 1
    assert result.stdout.startswith("#1  keep-alive\n\n#2\nMTI")
    assert result.stderr == "error: frame 3: need a whole frame, have its first 3 bytes\n"


def test_a_fault_says_which_message_it_is_in(posterm):
    wrong = encode_frame(DIALECT.pack(Message("0800", {11: "000001"}))[:-1])
    result = posterm("decode", (REQUEST + wrong).hex(), "--framing", "be16", "-d", "iso87-ascii")
    assert result.exit_code == 1
    assert result.stderr.startswith("error: message 2: iso87-ascii 0800, DE 11")


@pytest.mark.parametrize(("header", "bytes_"), [("tpdu", "6000030000"), ("3", "ABCDEF")])
def test_named_headers_are_taken_off_and_shown(posterm, header, bytes_):
    wire = bytes_ + REQUEST[2:].hex()
    result = posterm("decode", wire, "--header", header, "-d", "iso87-ascii", "--json")
    document = json.loads(result.stdout)
    assert document["headers"][0]["bytes"] == bytes_
    assert document["mti"] == "0800"
    assert bytes_ in posterm("decode", wire, "--header", header, "-d", "iso87-ascii").stdout


def test_a_header_that_is_not_there_is_told(posterm):
    result = posterm("decode", "00020102", "--framing", "be16", "--header", "tpdu")
    assert result.exit_code == 1
    assert result.stderr == "error: message 1: TPDU: need 5 bytes, have 2\n"
