"""What is wrong with a request, as application/problem+json: a code, both languages, and every problem found.

Source: RFC 9457. `problems` is an extension member: each has its code, place, text and remedy as
`posterm.merchant.problem` has them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict
from starlette.exceptions import HTTPException

from posterm.api.errors import NoTokenError, RequestTooLargeError, TooManyRequestsError
from posterm.errors import PostermError
from posterm.merchant.errors import (
    NotAllowedError,
    NotFoundError,
    NotNowError,
    OtherRequestError,
    RefusedError,
    UnknownTokenError,
)
from posterm.merchant.problem import Language, Problem
from posterm.runtime.errors import RuntimeFault

MEDIA: Final = "application/problem+json"


class ProblemDocument(BaseModel):
    """What is answered when a request is not carried out."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    type: str
    title: str
    status: int
    code: str
    detail: str = ""
    chinese: str
    english: str
    problems: list[Problem] = []


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of fault: its status, its code, and what it is called."""

    status: int
    code: str
    chinese: str
    english: str


MALFORMED: Final = Kind(422, "malformed", "请求格式不正确", "the request is malformed")
NO_ROUTE: Final = Kind(404, "no-such-route", "没有此接口", "there is no such route")
WRONG_METHOD: Final = Kind(405, "wrong-method", "该接口不支持此方法", "the route does not take this method")
UNREADABLE: Final = Kind(400, "unreadable", "无法读取请求", "the request cannot be read")
FAILED: Final = Kind(500, "failed", "系统内部错误", "the request failed inside the server")
KINDS: Final[tuple[tuple[type[PostermError], Kind], ...]] = (
    (RefusedError, Kind(422, "refused", "提交的内容未通过", "what was handed in is refused")),
    (NotFoundError, Kind(404, "not-found", "没有此记录", "there is no such record")),
    (NotNowError, Kind(409, "not-now", "当前状态不能执行该操作", "the present state does not allow this")),
    (NotAllowedError, Kind(403, "not-allowed", "无权执行该操作", "your role does not allow this")),
    (UnknownTokenError, Kind(401, "token-unknown", "令牌无效或已失效", "the token is unknown or has ended")),
    (NoTokenError, Kind(401, "token-missing", "缺少访问令牌", "an access token is needed")),
    (OtherRequestError, Kind(422, "key-reused", "幂等键已用于其他请求", "the idempotency key was used otherwise")),
    (TooManyRequestsError, Kind(429, "too-many-requests", "请求过于频繁", "too many requests")),
    (RequestTooLargeError, Kind(413, "too-large", "请求内容过大", "the request is too large")),
    (RuntimeFault, Kind(503, "unavailable", "系统暂时不可用", "the store is not available now")),
    (PostermError, Kind(409, "conflict", "无法执行该操作", "this cannot be carried out")),
)
"""The first row that an error belongs to."""

_BY_STATUS: Final = {404: NO_ROUTE, 405: WRONG_METHOD}


async def answer_error(request: Request, error: Exception) -> Response:
    """The answer to a fault of posterm's own. An HTTP client is told what the command line tells a user."""
    kind = next(row for cls, row in KINDS if isinstance(error, cls))
    problems = error.problems if isinstance(error, RefusedError) else ()
    headers = {}
    if isinstance(error, TooManyRequestsError):
        headers["Retry-After"] = str(math.ceil(error.wait_s))
    if kind.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    detail = "" if isinstance(error, RefusedError | RuntimeFault) else str(error)
    return answer(request, kind, detail, problems, headers)


async def answer_malformed(request: Request, error: Exception) -> Response:
    """The answer to a body, query or path that does not fit: where, and why, without what was sent."""
    found = error.errors() if isinstance(error, RequestValidationError) else []
    problems = [
        Problem(
            code="field-malformed",
            path=".".join(str(part) for part in fault["loc"] if part != "body"),
            chinese="字段格式不正确",
            english=str(fault["msg"]).removeprefix("Value error, "),
            chinese_remedy="按接口文档填写该字段",
            english_remedy="write the field as the OpenAPI document has it",
        )
        for fault in found
    ]
    return answer(request, MALFORMED, "", problems)


async def answer_http(request: Request, error: Exception) -> Response:
    """The answer to what the framework itself refuses, or could not read."""
    if isinstance(error.__cause__, PostermError):
        return await answer_error(request, error.__cause__)
    status = error.status_code if isinstance(error, HTTPException) else 400
    kind = _BY_STATUS.get(status, UNREADABLE)
    headers = dict(error.headers or {}) if isinstance(error, HTTPException) else {}
    return answer(request, kind, "", (), headers)


async def answer_failure(request: Request, _error: Exception) -> Response:
    """The answer when nothing else is left; what went wrong is in the server's log, not here."""
    return answer(request, FAILED, "", ())


def answer(
    request: Request, kind: Kind, detail: str, problems: Sequence[Problem], headers: dict[str, str] | None = None
) -> Response:
    """A problem document, its title in the language the caller prefers."""
    language = preferred_language(request.headers.get("accept-language", ""))
    document = ProblemDocument(
        type=f"urn:posterm:problem:{kind.code}",
        title=kind.chinese if language is Language.CHINESE else kind.english,
        status=kind.status,
        code=kind.code,
        detail=detail,
        chinese=kind.chinese,
        english=kind.english,
        problems=list(problems),
    )
    return Response(
        document.model_dump_json(),
        status_code=kind.status,
        media_type=MEDIA,
        headers={**(headers or {}), "Content-Language": language.value},
    )


def preferred_language(header: str) -> Language:
    """Chinese when an Accept-Language header puts it before English, else English.

    >>> preferred_language("zh-CN,en;q=0.8").value
    'zh'
    """
    weights = {Language.CHINESE: 0.0, Language.ENGLISH: 0.0}
    for item in header.split(",")[:32]:
        tag, _, weight = item.partition(";")
        name = tag.strip().lower()[:2]
        for language in weights:
            if name == language.value:
                weights[language] = max(weights[language], _quality(weight))
    return Language.CHINESE if weights[Language.CHINESE] > weights[Language.ENGLISH] else Language.ENGLISH


def _quality(text: str) -> float:
    found = text.strip().removeprefix("q=")
    if not text.strip():
        return 1.0
    return float(found) if found.replace(".", "", 1).isdecimal() and found.isascii() else 0.0
