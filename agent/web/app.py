"""The application: which address is answered by what."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.routing import Route

from ...errors import DriftgaugeError
from .answers import Answers
from .changes import CHANGES
from .desk import Desk
from .doorkeeper import Doorkeeper
from .page_kinds import PAGES
from .safe_headers import SafeHeaders
from .signing import Signing


def build_app(desk: Desk, doorkeeper: Doorkeeper, *, allowed_hosts: Sequence[str] = ("*",)) -> Any:
    """Return the application.

    Args:
        desk: the database.
        doorkeeper: who may look and change.
        allowed_hosts: names under which it may be asked for; a page of another site that lets its
            own name point here gets nothing.
    """
    answers = Answers(desk, doorkeeper)
    signing = Signing(answers, doorkeeper)
    routes = [
        Route("/", answers.home),
        Route("/healthz", answers.health),
        Route("/openapi.json", answers.openapi),
        Route("/static/{name}", answers.static),
        Route("/sign-in", signing.sign_in, methods=["GET", "POST"]),
        Route("/sign-out", signing.sign_out, methods=["POST"]),
        *(Route(page.path, answers.page_of(page), methods=["GET"]) for page in PAGES),
        *(Route(kind.path, answers.change_of(kind), methods=["POST"]) for kind in CHANGES),
    ]
    return Starlette(
        routes=routes,
        middleware=[
            Middleware(SafeHeaders),
            Middleware(TrustedHostMiddleware, allowed_hosts=list(allowed_hosts)),
            Middleware(GZipMiddleware, minimum_size=2000, compresslevel=4),
        ],
        exception_handlers={
            HTTPException: answers.refused,
            DriftgaugeError: answers.failed,
            Exception: answers.broken,
        },
    )
