"""The ASGI application: every operation and every shelf as routes, faults as problem documents, an OpenAPI document.

One request is carried out at a time: a service takes milliseconds, and the store has one writer anyway.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any, Final

from fastapi import APIRouter, FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from posterm.api import problems
from posterm.api.counter import ApiCounter
from posterm.api.errors import RequestTooLargeError
from posterm.api.operation_routes import add_operation
from posterm.api.rate_limit import RateLimit
from posterm.api.request_body import BODY_BYTES_MAX
from posterm.api.shelf_routes import add_shelf
from posterm.errors import PostermError
from posterm.merchant.operation import Operation, Shelf
from posterm.merchant.operations import OPERATIONS, SHELVES
from posterm.runtime.office_assembly import OpenOffice

VERSION: Final = "/v1"
OPENAPI: Final = "/openapi.json"

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


def create_application(
    office: OpenOffice,
    limit: RateLimit,
    *,
    operations: Iterable[Operation] = OPERATIONS,
    shelves: Iterable[Shelf] = SHELVES,
) -> FastAPI:
    """The interface of a back office.

    Args:
        limit: how much each caller may ask.
    """
    counter = ApiCounter(office, limit)
    application = FastAPI(
        title="posterm back office",
        version="1",
        description="The life of a merchant and its terminals with an acquirer. Personal data is masked everywhere.",
        openapi_url=OPENAPI,
        docs_url=None,
        redoc_url=None,
    )
    router = APIRouter(prefix=VERSION)
    for operation in operations:
        if operation.over_http:
            add_operation(router, counter, operation)
    for shelf in shelves:
        add_shelf(router, counter, shelf)
    application.include_router(router)
    application.add_exception_handler(PostermError, problems.answer_error)
    application.add_exception_handler(RequestValidationError, problems.answer_malformed)
    application.add_exception_handler(HTTPException, problems.answer_http)
    application.add_exception_handler(Exception, problems.answer_failure)
    application.add_middleware(_BoundedBody)
    _describe_problems(application)
    return application


class _BoundedBody:
    """Breaks off reading a body that is too large."""

    def __init__(self, app: Callable[[Scope, Receive, Send], Awaitable[None]]) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        read = 0

        async def counted() -> MutableMapping[str, Any]:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > BODY_BYTES_MAX:
                raise RequestTooLargeError(f"need at most {BODY_BYTES_MAX} bytes")
            return message

        await self._app(scope, counted, send)


def _describe_problems(application: FastAPI) -> None:
    """Put the problem document into the OpenAPI document, which refers to it, in place of the framework's own."""
    made = application.openapi

    def described() -> dict[str, Any]:
        document = made()
        schemas = document.setdefault("components", {}).setdefault("schemas", {})
        if problems.ProblemDocument.__name__ not in schemas:
            reference = "#/components/schemas/{model}"
            schema = problems.ProblemDocument.model_json_schema(ref_template=reference, mode="serialization")
            schemas.update(schema.pop("$defs", {}))
            schemas[problems.ProblemDocument.__name__] = schema
            for name in ("HTTPValidationError", "ValidationError"):
                schemas.pop(name, None)
        return document

    application.openapi = described  # type: ignore[method-assign]
