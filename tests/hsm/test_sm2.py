"""SM2 and SM3: published values, the group laws of the curve, and that nothing altered verifies or is deciphered."""

from __future__ import annotations

import pickle
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posterm.hsm import CipherError
from posterm.hsm import sm2 as curve
from posterm.hsm.errors import Sm2Error, Sm2Mismatch
from posterm.hsm.primitives import sm3
from posterm.hsm.sm2 import Sm2PrivateKey, Sm2PublicKey, identity_digest
from tests.hsm.vector_files import broken, vectors

draw = random.Random(32918)
KEY = Sm2PrivateKey.generate(draw.randbytes)
OTHER = Sm2PrivateKey.generate(draw.randbytes)


def test_sm3_is_the_standard_one():
    # GB/T 32905-2016, annex A.1 and A.2.
    assert sm3(b"abc").hex().upper() == "66C7F0F462EEEDD9D1F2D46BDC10E4E24167C4875CF2F7A2297DA02B8F4BA8E0"
    assert sm3(b"abcd" * 16).hex().upper() == "DEBE9FF92275B8A138604889C18E5A4D6FDB70E5387E5765293DCBA39C0C5732"


@pytest.mark.parametrize("v", vectors("sm2.json"))
def test_published_values(v):
    key, k, message = Sm2PrivateKey(bytes.fromhex(v["private"])), bytes.fromhex(v["k"]), bytes.fromhex(v["message"])
    assert key.public == Sm2PublicKey.parse(bytes.fromhex(v["public"]))
    if "signature" in v:
        identity, signature = bytes.fromhex(v["identity"]), bytes.fromhex(v["signature"])
        assert identity_digest(key.public, identity).hex().upper() == v["z"]
        assert key.sign(message, lambda _: k, identity) == signature
        key.public.verify(message, signature, identity)
    else:
        enciphered = bytes.fromhex(v["enciphered"])
        assert key.public.encrypt(message, lambda _: k) == enciphered
        assert key.decrypt(enciphered) == message


@pytest.mark.parametrize("v", broken("sm2.json"))
def test_a_key_that_cannot_be_is_refused(v):
    make = Sm2PrivateKey if "private" in v else Sm2PublicKey.parse
    with pytest.raises(Sm2Error, match=v["raises"]):
        make(bytes.fromhex(v.get("private") or v["public"]))


def test_the_order_of_the_base_point_is_n_and_multiples_add_up():
    assert curve._affine(curve._multiply(curve._N, curve._G)) is None
    for _ in range(20):
        a, b = draw.randrange(1, curve._N), draw.randrange(1, curve._N)
        left = curve._add(curve._multiply(a, curve._G), curve._multiply(b, curve._G))
        assert curve._affine(left) == curve._affine(curve._multiply((a + b) % curve._N, curve._G))
    point = (*curve._G, 1)
    negative = (curve._G[0], curve._P - curve._G[1], 1)
    assert curve._affine(curve._add(point, negative)) is None
    assert curve._affine(curve._add(point, point)) == curve._affine(curve._double(point))
    assert curve._double(curve._INFINITY) == curve._INFINITY
    assert curve._add(curve._INFINITY, point) == curve._add(point, curve._INFINITY) == point


@settings(max_examples=15)
@given(st.binary(max_size=200), st.binary(max_size=40), st.integers(0, 2**32))
def test_a_signature_verifies_for_its_signer_message_and_name_alone(message: bytes, identity: bytes, seed: int):
    signature = KEY.sign(message, random.Random(seed).randbytes, identity)
    KEY.public.verify(message, signature, identity)
    place = seed % 64
    altered = signature[:place] + bytes([signature[place] ^ 1]) + signature[place + 1 :]
    attempts = [
        (KEY.public, message, altered, identity),
        (KEY.public, message + b"x", signature, identity),
        (KEY.public, message, signature, identity + b"x"),
        (OTHER.public, message, signature, identity),
    ]
    for key, *claim in attempts:
        with pytest.raises(Sm2Mismatch):
            key.verify(*claim)


@pytest.mark.parametrize("r", [0, curve._N, curve._N + 1, 2**256 - 1])
def test_a_signature_out_of_range_does_not_verify(r: int):
    good = KEY.sign(b"posterm", draw.randbytes)
    wrong = r.to_bytes(32, "big")
    s = int.from_bytes(good[32:], "big")
    sums_to_n = (curve._N - s).to_bytes(32, "big") + good[32:]
    for signature in (wrong + good[32:], good[:32] + wrong, b"", good[:63], good + b"x", sums_to_n):
        with pytest.raises(Sm2Mismatch):
            KEY.public.verify(b"posterm", signature)


@settings(max_examples=15)
@given(st.binary(min_size=1, max_size=200), st.integers(0, 2**32))
def test_what_is_enciphered_comes_back_and_nothing_altered_does(message: bytes, seed: int):
    enciphered = KEY.public.encrypt(message, random.Random(seed).randbytes)
    assert len(enciphered) == len(message) + 97
    assert KEY.decrypt(enciphered) == message
    place = seed % len(enciphered)
    altered = enciphered[:place] + bytes([enciphered[place] ^ 1]) + enciphered[place + 1 :]
    texts = set()
    for key, wrong in ((KEY, altered), (KEY, enciphered[:-1]), (KEY, enciphered[:97]), (KEY, b""), (OTHER, enciphered)):
        with pytest.raises(Sm2Error) as refused:
            key.decrypt(wrong)
        texts.add(str(refused.value))
    assert len(texts) == 1


def test_lengths_are_bounded_and_poor_entropy_is_given_up():
    for call in (
        lambda: KEY.public.encrypt(b"", draw.randbytes),
        lambda: KEY.public.encrypt(bytes(65_537), draw.randbytes),
        lambda: KEY.sign(bytes(65_537), draw.randbytes),
        lambda: KEY.sign(b"", draw.randbytes, bytes(8_192)),
    ):
        with pytest.raises(Sm2Error):
            call()
    for call in (
        lambda: KEY.sign(b"", lambda size: b"\xff" * size),
        lambda: KEY.public.encrypt(b"x", lambda size: bytes(size)),
        lambda: Sm2PrivateKey.generate(lambda size: bytes(size)),
    ):
        with pytest.raises(CipherError, match="entropy"):
            call()


def test_a_private_key_shows_nothing():
    assert repr(KEY) == "<Sm2PrivateKey>"
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(KEY)
