"""A route for every operation: POST for what changes something, GET for what only reads."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Final

from fastapi import APIRouter, Body, Depends, Header, Path, Query, Request, Response, Security
from fastapi.responses import JSONResponse
from fastapi.security import HTTPBearer
from pydantic import BaseModel, TypeAdapter

from posterm.api.counter import ApiCounter, Asked
from posterm.api.problems import KINDS, MALFORMED, MEDIA, ProblemDocument
from posterm.api.request_body import Key, body_model, bounded, in_body
from posterm.merchant.operation import Operation
from posterm.merchant.repeats import LONGEST_KEY

JSON: Final = "application/json"
BEARER: Final = HTTPBearer(auto_error=False, description="A token of `posterm api token`, or of logging in.")
IdempotencyKey = Annotated[
    str,
    Header(
        alias="Idempotency-Key",
        max_length=LONGEST_KEY,
        pattern=r"^[\x21-\x7e]*$",
        description="A name for this request; when it comes again it is answered alike, and nothing is done twice.",
    ),
]
REFUSALS: Final[dict[int | str, dict[str, Any]]] = {
    status: {
        "description": " / ".join(dict.fromkeys(kind.english for _, kind in KINDS if kind.status == status)),
        "content": {MEDIA: {"schema": {"$ref": f"#/components/schemas/{ProblemDocument.__name__}"}}},
    }
    for status in (400, 401, 403, 404, 409, 413, MALFORMED.status, 429, 503)
}


def needs_token(counter: ApiCounter) -> Any:
    """The dependency of a route that needs a token: without one nothing of the request is looked at."""

    async def there_is_one(request: Request, _token: Annotated[Any, Security(BEARER)]) -> None:
        counter.must_have_token(request)

    return Depends(there_is_one)


def add_operation(router: APIRouter, counter: ApiCounter, operation: Operation) -> None:
    """Add the route of an operation."""
    body = None if operation.reads else body_model(operation)
    returns = TypeAdapter(operation.returns)

    async def endpoint(request: Request, **given: Any) -> Response:
        values = _values(operation, given)

        def service(asked: Asked) -> str:
            result = operation.call(asked.office, asked.actor, asked.now, asked.time_of_day, values)
            return _body(operation, returns, result)

        answered = counter.answer(
            request,
            operation.roles,
            service,
            content=b"\n".join((request.url.path.encode(), await request.body())),
            idempotency_key="" if operation.confidential else given.get("idempotency_key", ""),
        )
        headers = {"Idempotency-Replayed": "true"} if answered.is_repeated else {}
        content = bytes.fromhex(answered.body) if operation.media != JSON else answered.body
        return Response(content, media_type=_media(operation, content), headers=headers)

    _sign(endpoint, operation, body)
    router.add_api_route(
        operation.path,
        endpoint,
        methods=["GET" if operation.reads else "POST"],
        operation_id=operation.name,
        summary=operation.summary,
        tags=[operation.group],
        dependencies=[needs_token(counter)] if operation.roles else [],
        response_model=operation.returns if operation.media == JSON else None,
        response_class=Response if operation.media != JSON else JSONResponse,
        responses={**REFUSALS, **_other_media(operation)},
    )


def _media(operation: Operation, content: str | bytes) -> str:
    """What the answer is; a picture says by its first bytes which of three."""
    if operation.media != "image/*" or isinstance(content, str):
        return operation.media
    if content.startswith(b"<?xml"):
        return "image/svg+xml"
    return "image/png" if content.startswith(b"\x89PNG") else "image/jpeg"


def _other_media(operation: Operation) -> dict[int | str, dict[str, Any]]:
    if operation.media == JSON:
        return {}
    return {200: {"description": "the file", "content": {operation.media: {}}}}


def _sign(endpoint: Callable[..., Awaitable[Response]], operation: Operation, body: type[BaseModel] | None) -> None:
    """Give an endpoint the signature by which the framework reads a request and writes the OpenAPI document."""
    keyword = inspect.Parameter.KEYWORD_ONLY
    taken = [inspect.Parameter("request", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=Request)]
    taken.extend(inspect.Parameter(name, keyword, annotation=Annotated[Key, Path()]) for name in operation.in_path)
    if operation.reads:
        taken.extend(
            inspect.Parameter(
                each.name, keyword, annotation=Annotated[bounded(each.annotation), Query()], default=each.default
            )
            for each in in_body(operation)
        )
    elif body is not None:
        taken.append(inspect.Parameter("body", keyword, annotation=Annotated[body, Body()]))
    if not operation.reads and not operation.confidential:
        taken.append(inspect.Parameter("idempotency_key", keyword, annotation=IdempotencyKey, default=""))
    endpoint.__signature__ = inspect.Signature(taken)  # type: ignore[attr-defined]


def _values(operation: Operation, given: dict[str, Any]) -> dict[str, Any]:
    """What the service takes, by name: as the framework has read it, not dumped again."""
    body = given.get("body")
    source = given if body is None else {**given, **{name: getattr(body, name) for name in type(body).model_fields}}
    return {parameter.name: source[parameter.name] for parameter in operation.parameters}


def _body(operation: Operation, returns: TypeAdapter[Any], result: Any) -> str:
    """An answer as text: JSON, or the digits of a file."""
    if operation.media != JSON:
        return bytes(result).hex()
    return returns.dump_json(result, warnings=False).decode()
