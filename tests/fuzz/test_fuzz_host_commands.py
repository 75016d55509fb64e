"""The fuzz target itself, without atheris: it holds on its seeds, and it sees a law that is broken."""

from __future__ import annotations

import pytest

from tests.fuzz.fuzz_host_commands import LawBrokenError, command_sets, make_target, seeds


class Talkative:
    """Answers every message with a code that no manual has, or with more than a refusal may tell."""

    def __init__(self, answer: bytes) -> None:
        self._answer = answer

    def execute(self, message: bytes) -> bytes:
        return message[:1] + bytes([message[1] + 1]) + self._answer


def test_the_target_holds_on_its_seeds_and_on_them_cut_short():
    sets = command_sets()
    target = make_target(sets)
    for seed in seeds(sets):
        target(seed)
        target(seed[:-1])
        target(seed + b"\x19")


def test_the_target_takes_no_bytes_at_all():
    target = make_target(command_sets())
    for data in (b"", b"\0", b"\0N"):
        target(data)


@pytest.mark.parametrize(("answer", "law"), [(b"99", "manual"), (b"10secret", "tells more")])
def test_the_target_sees_a_broken_law(answer: bytes, law: str):
    with pytest.raises(LawBrokenError, match=law):
        make_target([Talkative(answer)])(b"\0CC")  # type: ignore[list-item]


def test_the_target_sees_an_answer_of_another_command():
    class Stubborn:
        def execute(self, _: bytes) -> bytes:
            return b"XX00"

    with pytest.raises(LawBrokenError, match="another command"):
        make_target([Stubborn()])(b"\0CC")  # type: ignore[list-item]
