"""The OpenAPI document describes the interface, and whatever is sent by it there is no server error.

Requests are made by schemathesis from the document, valid ones and others, as every role, against an office in which
two merchants have lived.
"""

from __future__ import annotations

import os

import hypothesis
import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis import checks
from schemathesis.specs.openapi import checks as openapi_checks

from posterm.api.application import OPENAPI
from posterm.merchant import Role
from posterm.merchant.operations import OPERATIONS, SHELVES
from tests.api.lived import Lived

LIVED = Lived()
SCHEMA = schemathesis.openapi.from_asgi(OPENAPI, LIVED.application)
TOKENS = {
    role: LIVED.token(role, 1 if role is Role.MERCHANT else 0) for role in (Role.MERCHANT, Role.REVIEWER, Role.OPERATOR)
}
CHECKS = (
    checks.not_a_server_error,
    openapi_checks.content_type_conformance,
    openapi_checks.response_schema_conformance,
    openapi_checks.status_code_conformance,
)
EXAMPLES = int(os.environ.get("POSTERM_API_EXAMPLES", "0"))
"""For each route and role; 0 for a few that are the same in every run. With a number, others are tried each time."""

QUIET = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large, HealthCheck.large_base_example]


def try_out(case: schemathesis.Case, role: Role) -> None:
    case.call_and_validate(headers={"Authorization": f"Bearer {TOKENS[role]}"}, checks=list(CHECKS))


def test_the_document_has_every_route():
    document = LIVED.application.openapi()
    assert document["openapi"].startswith("3.1")
    identifiers = {route["operationId"] for path in document["paths"].values() for route in path.values()}
    rows = {operation.name for operation in OPERATIONS if operation.over_http}
    shelves = {f"list-{shelf.plural}" for shelf in SHELVES} | {f"show-{shelf.document.kind}" for shelf in SHELVES}
    assert identifiers == rows | shelves


@SCHEMA.include(path_regex="^/v1/(clock|tokens|devices$)").parametrize()
@settings(
    max_examples=3, derandomize=True, deadline=None, suppress_health_check=QUIET, phases=[hypothesis.Phase.generate]
)
def test_no_request_makes_a_server_error(case):
    try_out(case, Role.OPERATOR)


@pytest.mark.proof
@pytest.mark.parametrize("role", list(TOKENS))
@SCHEMA.parametrize()
@settings(max_examples=EXAMPLES or 8, derandomize=not EXAMPLES, deadline=None, suppress_health_check=QUIET)
def test_no_request_of_any_role_makes_a_server_error(case, role):
    try_out(case, role)
