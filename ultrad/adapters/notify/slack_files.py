"""Pictures for Slack: uploaded before the message, shared in its thread after it.

Sources: docs.slack.dev, "Working with files: uploading files", "files.getUploadURLExternal method",
"files.completeUploadExternal method".
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

import anyio
import orjson

from ultrad.adapters.notify.http import Answer, Service
from ultrad.adapters.notify.settings import SlackAppSettings
from ultrad.errors import Permanent, Transient
from ultrad.i18n import Message, msg

UPLOAD_S = 5.0
SHARE_S = 3.0
"""With the message between them less than one try may take: it must not be posted twice for a picture."""
_FORM = {"Content-Type": "application/x-www-form-urlencoded"}
_JSON = {"Content-Type": "application/json; charset=utf-8"}
_BYTES = {"Content-Type": "application/octet-stream"}


async def _none(_: str) -> bytes | None:
    return None


@dataclass(frozen=True, slots=True)
class Pictures:
    """read: a picture by the name of its file; None where there is none. tell: hears why one was not shown."""

    read: Callable[[str], Awaitable[bytes | None]] = _none
    tell: Callable[[Message], None] = lambda _: None


class SlackFiles:
    """Uploads for one app. No secret goes to the address that Slack names for the bytes."""

    def __init__(self, settings: SlackAppSettings, service: Service, pictures: Pictures) -> None:
        """service: of the app's channel."""
        self._settings, self._service, self._pictures = settings, service, pictures

    async def upload(self, name: str) -> str:
        """Put a picture's bytes there; answers the file's id, or nothing where that fails: this is told."""
        file_id = ""
        try:
            with anyio.fail_after(UPLOAD_S):
                content = await self._pictures.read(name)
                if content is not None:
                    file_id = await self._put(name, content)
        except TimeoutError:
            self._pictures.tell(_unshown(name, msg("it took too long")))
        except (Transient, Permanent) as error:
            self._pictures.tell(_unshown(name, error.message))
        return file_id

    async def share(self, file_id: str, name: str, channel: str, ts: str) -> None:
        """Show an uploaded picture in the thread of a message. What fails is told."""
        arguments = {"files": [{"id": file_id, "title": name}], "channel_id": channel, "thread_ts": ts}
        try:
            with anyio.fail_after(SHARE_S):
                await self._call("files.completeUploadExternal", _JSON, orjson.dumps(arguments))
        except TimeoutError:
            self._pictures.tell(_unshown(name, msg("it took too long")))
        except (Transient, Permanent) as error:
            self._pictures.tell(_unshown(name, error.message))

    async def _put(self, name: str, content: bytes) -> str:
        form = urlencode({"filename": name, "length": len(content)}).encode()
        told = await self._call("files.getUploadURLExternal", _FORM, form)
        url, file_id = told.get("upload_url"), told.get("file_id")
        if not isinstance(url, str) or not isinstance(file_id, str) or not self._is_slacks(url):
            raise self._service.garbled()
        answer = await self._service.ask("POST", url, headers=_BYTES, body=content)
        if not answer.good:
            raise self._service.failure(answer)
        return file_id

    def _is_slacks(self, url: str) -> bool:
        """Whether reports may go there: to Slack by TLS, or to where all else of this channel goes."""
        try:
            to, ours = urlsplit(url), urlsplit(self._settings.base_url)
        except ValueError:
            return False
        if (to.scheme, to.netloc) == (ours.scheme, ours.netloc):
            return True
        host = to.hostname or ""
        return to.scheme == "https" and (host == "slack.com" or host.endswith(".slack.com"))

    async def _call(self, method: str, headers: dict[str, str], body: bytes) -> dict[str, object]:
        url = f"{self._settings.base_url}/api/{method}"
        bearer = {**headers, "Authorization": f"Bearer {self._settings.token}"}
        answer: Answer = await self._service.ask("POST", url, headers=bearer, body=body)
        content = answer.json() or {}
        if not answer.good:
            raise self._service.failure(answer)
        if content.get("ok") is not True:
            raise self._service.refused(self._service.scrub(str(content.get("error") or "?")[:64]))
        return content


def _unshown(name: str, why: Message) -> Message:
    return msg("The chart {name} could not be shown in Slack (scope files:write?): {why}", name=name, why=why)
