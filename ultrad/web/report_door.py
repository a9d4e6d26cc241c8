"""The reports over HTTP: a list, and each one's page."""

from aiohttp import web

from ultrad.core.report_order import Kept
from ultrad.errors import Permanent, Transient
from ultrad.i18n import Message, msg
from ultrad.operations import Operations
from ultrad.web.answers import Refused, answer
from ultrad.web.html import Html, el, join, void
from ultrad.web.report_page import REPORT_POLICY
from ultrad.web.style import CSS, POLICY
from ultrad.web.words import Words

_HTML = "text/html; charset=utf-8"
_SUFFIX = ".html"


class ReportDoor:
    """Answers `/reports` and `/reports/NAME.html`."""

    def __init__(self, operations: Operations, words: Words) -> None:
        """words: in the operators' language."""
        self._operations, self._words = operations, words

    async def listed(self, _: web.Request) -> web.Response:
        """All of them, the newest first."""
        try:
            kept = await self._operations.reports().kept()
        except (Transient, Permanent) as error:
            raise Refused(503, error.message) from error
        return answer(_list(kept, self._words), kind=_HTML, policy=POLICY)

    async def page(self, request: web.Request) -> web.Response:
        """One of them."""
        name = request.match_info["name"]
        try:
            content = await self._operations.reports().page(name.removesuffix(_SUFFIX))
        except (Transient, Permanent) as error:
            raise Refused(503, error.message) from error
        if content is None or not name.endswith(_SUFFIX):
            raise Refused(404, msg("There is no such report; the list is at /reports."))
        return answer(content, kind=_HTML, policy=REPORT_POLICY)


def _list(kept: tuple[Kept, ...], words: Words) -> bytes:
    def cell(text: Html | str, label: Message, look: str = "tight") -> Html:
        return el("td", text, class_=look, data_label=words(label))

    rows = (
        el(
            "tr",
            cell(el("a", one.name, href=f"/reports/{one.name}{_SUFFIX}"), msg("Report"), "wide"),
            cell(words.when(one.made_ms), msg("Made"), "tight dim"),
        )
        for one in kept
    )
    heads = el("tr", el("th", words(msg("Report"))), el("th", words(msg("Made"))))
    body = (
        el("table", el("thead", heads), el("tbody", *rows))
        if kept
        else el("p", words(msg("No report was made yet.")), class_="dim")
    )
    page = join(
        el("header", el("h1", words(msg("Reports"))), el("a", words(msg("Status")), href="/")),
        el("section", body),
    )
    head = join(
        void("meta", charset="utf-8"),
        void("meta", name="viewport", content="width=device-width, initial-scale=1"),
        void("link", rel="icon", href="data:,"),
        el("title", f"{words(msg('Reports'))} · ultrad"),
        el("style", Html(CSS)),
    )
    whole = el("html", el("head", head), el("body", page), lang=words.language)
    return b"<!doctype html>" + whole.encode("utf-8", "replace")
