"""No role reaches what is another's, by any route, and nothing personal is shown in the clear."""

from __future__ import annotations

import base64
from datetime import datetime
from enum import EnumType
from typing import Any, get_args, get_origin

import pytest

from posterm.merchant import Role
from posterm.merchant.operation import Operation
from posterm.merchant.operations import OPERATIONS, SHELVES
from tests.api.lived import Lived

OVER_HTTP = [operation for operation in OPERATIONS if operation.over_http]
GUARDED = [operation for operation in OVER_HTTP if operation.roles]
OF_MERCHANTS = [operation for operation in GUARDED if Role.MERCHANT in operation.roles and operation.in_path]
NAME = pytest.mark.parametrize("operation", GUARDED, ids=lambda operation: operation.name)


@pytest.fixture(scope="module")
def lived() -> Lived:
    return Lived()


def sample(annotation: Any) -> Any:
    """A value of a type, as JSON."""
    if isinstance(annotation, EnumType):
        return next(iter(annotation))
    plain = {str: "x", int: 1, bool: True, bytes: base64.b64encode(b"x").decode(), datetime: "2027-01-04T10:00:00"}
    if annotation in plain:
        return plain[annotation]
    origin = get_origin(annotation)
    if origin is None:
        return {}
    inner = get_args(annotation)
    return {} if len(inner) == 2 and inner[0] is str else [sample(inner[0])]


def address(lived: Lived, operation: Operation, number: int) -> str:
    """The path of an operation on something that is this merchant's."""
    life = lived.lives[number - 1]
    shelf = next((shelf for shelf in SHELVES if operation.path.startswith(f"/{shelf.plural}/")), None)
    kept = lived.town.store.documents(shelf.document.kind, subject=life.account) if shelf else []
    merchant = life.merchant.key
    known = {
        "subject": life.account,
        "serial": life.serial,
        "merchant_key": merchant,
        "application_key": life.application,
        "key": merchant if operation.path.startswith("/merchants/") else kept[0].key if kept else "none",
        "name": kept[0].key if kept else "none",
    }
    return operation.path.format(**{name: known.get(name, "none") for name in operation.in_path})


def ask(client: Any, lived: Lived, operation: Operation, number: int) -> Any:
    body = {
        each.name: sample(each.annotation)
        for each in operation.parameters
        if each.name not in operation.in_path and each.is_needed
    }
    path = address(lived, operation, number)
    return client.get(path, params=body) if operation.reads else client.post(path, json=body)


@NAME
def test_without_a_token_nothing_is_done(lived, operation):
    before = lived.kept_of(1)
    assert ask(lived.client(), lived, operation, 1).status_code == 401
    assert lived.kept_of(1) == before


@NAME
def test_a_role_that_is_not_named_may_not(lived, operation):
    before = lived.kept_of(1)
    for role in {Role.REVIEWER, Role.OPERATOR} - set(operation.roles):
        assert ask(lived.client(role), lived, operation, 1).status_code in (403, 422)
    if Role.MERCHANT not in operation.roles:
        assert ask(lived.client(Role.MERCHANT, 1), lived, operation, 1).status_code in (403, 422)
    assert lived.kept_of(1) == before


@pytest.mark.parametrize("operation", OF_MERCHANTS, ids=lambda operation: operation.name)
def test_a_merchant_does_not_reach_what_is_anothers(lived, operation):
    before = lived.kept_of(1)
    answer = ask(lived.client(Role.MERCHANT, 2), lived, operation, 1)
    assert answer.status_code in (404, 422), answer.text
    person = lived.lives[0].person
    assert person.name[0] + "*" not in answer.text
    assert lived.kept_of(1) == before


@pytest.mark.parametrize("shelf", SHELVES, ids=lambda shelf: shelf.plural)
def test_a_merchant_sees_its_own_documents_only(lived, shelf):
    one, other = (lived.client(Role.MERCHANT, number) for number in (1, 2))
    listed = one.get(f"/{shelf.plural}?limit=200")
    if Role.MERCHANT not in shelf.roles:
        assert listed.status_code == 403
        return
    subject, stranger = lived.lives[0].account, lived.lives[1].account
    for document in listed.json()["items"]:
        assert document["subject"] == subject
        assert one.get(f"/{shelf.plural}/{document['key']}").status_code == 200
        assert other.get(f"/{shelf.plural}/{document['key']}").status_code == 404
    assert one.get(f"/{shelf.plural}?subject={stranger}").json() == {"items": [], "after": ""}


@pytest.mark.parametrize("shelf", SHELVES, ids=lambda shelf: shelf.plural)
def test_nothing_personal_is_shown_in_the_clear_to_anybody(lived, shelf):
    for role in shelf.roles:
        for number in (1, 2) if role is Role.MERCHANT else (0,):
            text = lived.client(role, number).get(f"/{shelf.plural}?limit=200").text
            for life in lived.lives:
                person = life.person
                for secret in (person.identity_number, person.mobile, person.bank_card, person.name):
                    assert secret not in text
                assert life.device.label.reveal() == "" or life.device.label.reveal() not in text


def test_nothing_personal_is_in_the_store_in_the_clear(lived):
    kinds = {shelf.document.kind for shelf in SHELVES} | {"mark", "terminal-site"}
    kept = "\n".join(repr(record) for kind in kinds for record in lived.town.store.documents(kind))
    for life in lived.lives:
        person = life.person
        for secret in (person.identity_number, person.mobile, person.bank_card, person.name, person.password):
            assert secret not in kept


def test_a_page_leads_to_the_next(lived):
    client, keys, after = lived.client(Role.OPERATOR), [], ""
    while True:
        page = client.get(f"/news?limit=7&after={after}").json()
        keys += [document["key"] for document in page["items"]]
        after = page["after"]
        if not after:
            break
    assert keys == sorted(set(keys))
    assert len(keys) == len([each for each in lived.town.store.documents("news") if "send-code" not in repr(each)])
