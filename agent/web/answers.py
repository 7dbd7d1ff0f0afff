"""What is answered: pages as HTML for people or JSON for programs, changes, and what went wrong."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from importlib.resources import files
from typing import Any
from urllib.parse import urlencode

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from driftgauge.storage import RecordConflict, StorageError

from ..log import action
from .changes import ChangeKind, Form
from .desk import Desk
from .doorkeeper import COOKIE, Doorkeeper, Person
from .errors import ChangeRefused, NothingThere, RequestUnusable
from .openapi import adapters, describe_api
from .page_kinds import PageKind, PageRequest
from .page_paths import path_to
from .page_templates import STATIC, PageTemplates
from .request_parts import JSON, peer_of, place_of, read_form, wants_json

log = logging.getLogger(__name__)

_STATUS: Mapping[type[Exception], int] = {
    NothingThere: 404,
    RequestUnusable: 400,
    ChangeRefused: 403,
    RecordConflict: 409,
    StorageError: 503,
}
_OURS = 500


class Answers:
    """The answers to each address."""

    def __init__(self, desk: Desk, doorkeeper: Doorkeeper) -> None:
        self._desk = desk
        self._doorkeeper = doorkeeper
        self._templates = PageTemplates(desk, doorkeeper)
        self._json = adapters()
        self._openapi = json.dumps(describe_api(self._json)).encode()

    def health(self, request: Request) -> Response:
        """Answer a probe: this process answers, and the database does."""
        self._desk.store.streams()
        return Response(b"ok\n", media_type="text/plain")

    def home(self, request: Request) -> Response:
        """Lead to the stream of the settings, or the first one there is."""
        names = self._desk.streams()
        if names:
            return RedirectResponse(path_to(names[0]), 302)
        return self.html(request, "no_stream.html.jinja", {})

    def openapi(self, request: Request) -> Response:
        """Return the description of the JSON."""
        return Response(self._openapi, media_type=JSON)

    def static(self, request: Request) -> Response:
        """Return the style sheet or the script."""
        name = request.path_params["name"]
        if name not in STATIC:
            raise NothingThere(f"there is no file {name!r}")
        content = files(__package__).joinpath("static", name).read_bytes()
        headers = {"Cache-Control": "public, max-age=86400"}  # its address changes with it
        return Response(content, headers=headers, media_type=STATIC[name])

    def page_of(self, page: PageKind) -> Any:
        """Return what answers one kind of page."""

        def answer(request: Request) -> Response:
            if self._doorkeeper.needs_person and self.person(request) is None:
                return self._to_sign_in(request)
            view = page.make(self._desk, PageRequest(request.path_params, request.query_params))
            if wants_json(request):
                return Response(self._json[page.name].dump_json(view), media_type=JSON)
            return self.html(request, page.template, {"view": view}, section=page.section)

        return answer

    def change_of(self, kind: ChangeKind) -> Any:
        """Return what makes one kind of change, and leads back to the page it was asked on."""

        async def answer(request: Request) -> Response:
            form = await read_form(request)
            return await run_in_threadpool(self._change, request, kind, form)

        return answer

    def _change(self, request: Request, kind: ChangeKind, form: Mapping[str, str]) -> Response:
        person = self.checked(request, form)
        at = PageRequest(request.path_params, request.query_params)
        self._desk.stream(at.stream)
        done = kind.make(self._desk, at, Form(form, by=person.name))
        log.info(
            "%s by %s: %s",
            *(done, person.name, request.url.path),
            extra=action("web_changed", by=person.name),
        )
        self._desk.forget()
        home, back = path_to(at.stream), form.get("back", "")
        is_of_stream = back == home or back.startswith((f"{home}/", f"{home}?"))
        return RedirectResponse(back if is_of_stream else home, 303)

    def refused(self, request: Request, error: Exception) -> Response:
        """Say that there is no such page."""
        status = getattr(error, "status_code", _OURS)
        words = {404: "There is no such page.", 405: "This page takes no such request."}
        return self._problem(request, status, words.get(status, str(error)))

    def failed(self, request: Request, error: Exception) -> Response:
        """Say what went wrong, as the commands would."""
        status = next((code for kind, code in _STATUS.items() if isinstance(error, kind)), _OURS)
        if status >= _OURS:
            log.warning("%s", error, extra=action("web_failed", path=request.url.path))
        return self._problem(request, status, str(error), str(getattr(error, "hint", "")))

    def broken(self, request: Request, error: Exception) -> Response:
        """Say that this is our fault; the log has the rest."""
        log.error(
            "%s failed",
            request.url.path,
            exc_info=error,
            extra=action("web_failed", path=request.url.path),
        )
        return self._problem(
            request, _OURS, "The page could not be made.", "the server's log says why"
        )

    def _problem(self, request: Request, status: int, says: str, hint: str = "") -> Response:
        if wants_json(request):
            told = json.dumps({"error": says, "hint": hint}).encode()
            return Response(told, status, media_type=JSON)
        values = {"status": status, "says": says, "hint": hint}
        return self.html(request, "problem.html.jinja", values, status)

    def html(
        self,
        request: Request,
        template: str,
        values: Mapping[str, Any],
        status: int = 200,
        *,
        section: str = "",
    ) -> Response:
        """Return a page for a person."""
        content = self._templates.fill(
            template,
            values,
            person=self.person(request),
            here=place_of(request),
            stream=str(request.path_params.get("stream", "")),
            section=section,
            query=request.query_params,
        )
        return Response(content, status, media_type="text/html")

    def person(self, request: Request) -> Person | None:
        """Return who asks."""
        cookie = request.cookies.get(COOKIE, "")
        return self._doorkeeper.person(request.headers, cookie, peer_of(request))

    def checked(self, request: Request, form: Mapping[str, str]) -> Person:
        """Return who may change something by this form; raise ChangeRefused for anybody else."""
        try:
            return self._doorkeeper.check_form(
                self.person(request),
                request.headers,
                form.get("word", ""),
                request.headers.get("host", ""),
            )
        except ChangeRefused as refused:
            log.warning("%s: %s", request.url.path, refused, extra=action("web_refused"))
            raise

    def _to_sign_in(self, request: Request) -> Response:
        if wants_json(request) or not self._doorkeeper.token:
            raise ChangeRefused("sign in first: the setting web.sign_in is everything")
        return RedirectResponse(f"/sign-in?{urlencode({'back': place_of(request)})}", 302)
