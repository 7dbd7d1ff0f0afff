"""Signing in with the token of the settings, and out again."""

from __future__ import annotations

import logging
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from ..log import action
from .answers import Answers
from .doorkeeper import COOKIE, SESSION_SECONDS, Doorkeeper
from .errors import ChangeRefused
from .request_parts import is_local, peer_of, read_form

log = logging.getLogger(__name__)

_TEMPLATE = "sign_in.html.jinja"
_REFUSED = 403


class Signing:
    """The answers to who signs in and out."""

    def __init__(self, answers: Answers, doorkeeper: Doorkeeper) -> None:
        self._answers = answers
        self._doorkeeper = doorkeeper

    async def sign_in(self, request: Request) -> Response:
        """Show the form, or take it."""
        values: dict[str, Any] = {"back": request.query_params.get("back", "/"), "problem": ""}
        if request.method != "POST":
            return await run_in_threadpool(self._answers.html, request, _TEMPLATE, values)
        form = await read_form(request)
        values["back"] = form.get("back", "/")
        try:
            host = request.headers.get("host", "")
            cookie = self._doorkeeper.sign_in(form, request.headers, host)
        except ChangeRefused as refused:
            log.warning("signing in failed: %s", refused, extra=action("web_refused"))
            values["problem"] = str(refused)
            return await run_in_threadpool(self._answers.html, request, _TEMPLATE, values, _REFUSED)
        response = RedirectResponse(values["back"] if is_local(values["back"]) else "/", 303)
        response.set_cookie(
            COOKIE,
            cookie,
            max_age=SESSION_SECONDS,
            httponly=True,
            samesite="lax",
            secure=self._is_secure(request),
        )
        return response

    async def sign_out(self, request: Request) -> Response:
        """Forget who it is."""
        form = await read_form(request)
        self._answers.checked(request, form)
        response = RedirectResponse("/", 303)
        response.delete_cookie(COOKIE)
        return response

    def _is_secure(self, request: Request) -> bool:
        is_trusted = self._doorkeeper.is_trusted(peer_of(request))
        said = request.headers.get("x-forwarded-proto", "") if is_trusted else ""
        return "https" in (request.url.scheme, said)
