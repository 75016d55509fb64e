"""Two routes for every kind of document: those one may see, a page at a time, and one of them."""

from __future__ import annotations

import json
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import JSONResponse
from pydantic import create_model

from posterm.api.counter import ApiCounter, Asked
from posterm.api.operation_routes import JSON, REFUSALS, needs_token
from posterm.api.request_body import DocumentKey
from posterm.merchant import NotFoundError, Role
from posterm.merchant.document import Document
from posterm.merchant.operation import Shelf

PAGE_MAX: Final = 200


def add_shelf(router: APIRouter, counter: ApiCounter, shelf: Shelf) -> None:
    """Add the routes of a kind of document."""
    kind = shelf.document
    page = create_model(f"{kind.__name__}Page", items=(list[kind], ...), after=(str, ...))  # type: ignore[valid-type]

    async def listed(
        request: Request,
        state: Annotated[str, Query(max_length=80, pattern=r"^[0-9A-Za-z_-]*$")] = "",
        subject: Annotated[str, Query(max_length=80, pattern=r"^[0-9A-Za-z._-]*$")] = "",
        after: Annotated[str, Query(max_length=160, pattern=r"^[0-9A-Za-z._/-]*$")] = "",
        limit: Annotated[int, Query(ge=1, le=PAGE_MAX)] = 50,
    ) -> Response:
        def service(asked: Asked) -> str:
            found = shelf_of(asked, shelf, state=state, subject=subject)
            return _page([each for each in found if each.key > after], limit)

        return Response(counter.answer(request, shelf.roles, service).body, media_type=JSON)

    async def shown(request: Request, key: Annotated[DocumentKey, Path()]) -> Response:
        def service(asked: Asked) -> str:
            document = asked.office.cabinet.need(kind, key)
            asked.actor.must_own(document.subject, kind.kind)
            if shelf.hides is not None and shelf.hides(document):
                raise NotFoundError(f"no {kind.kind} {key!r}")
            return document.model_dump_json()

        return Response(counter.answer(request, shelf.roles, service).body, media_type=JSON)

    options: dict[str, Any] = {"methods": ["GET"], "tags": ["documents"], "dependencies": [needs_token(counter)]}
    options |= {"responses": REFUSALS, "response_class": JSONResponse}
    router.add_api_route(
        f"/{shelf.plural}",
        listed,
        operation_id=f"list-{shelf.plural}",
        summary=f"Documents of the kind {kind.kind}, by key; `after` is the last key when there are more.",
        response_model=page,
        **options,
    )
    router.add_api_route(
        f"/{shelf.plural}/{{key:path}}",
        shown,
        operation_id=f"show-{kind.kind}",
        summary=f"One document of the kind {kind.kind}.",
        response_model=kind,
        **options,
    )


def shelf_of(asked: Asked, shelf: Shelf, *, state: str = "", subject: str = "") -> list[Document]:
    """The documents of a kind that the one who asks may see: a merchant its own, whatever subject it names."""
    if asked.actor.role is Role.MERCHANT:
        if subject not in ("", asked.actor.subject):
            return []
        subject = asked.actor.subject
    found = asked.office.cabinet.find(shelf.document, subject=subject or None, state=state or None)
    return [each for each in found if shelf.hides is None or not shelf.hides(each)]


def _page(found: list[Document], limit: int) -> str:
    shown = found[:limit]
    after = shown[-1].key if len(found) > limit else ""
    items = ",".join(each.model_dump_json() for each in shown)
    return f'{{"items":[{items}],"after":{json.dumps(after)}}}'
