"""Paths of the API in every form that clients build, and nothing else.

With the version or without (`/v1`, `/v1beta`, none), with what a base URL put before it twice
(`/v1beta/models/M/v1beta/models/M:generateContent`), as Vertex AI has it, and of models that a
user made. What goes upstream is put together anew from the parts that were recognised, so that
no path, however it is written, reaches anything but these methods of the host that was configured.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from .apis import CHAT, GENERATE, INTERACTIONS, Api

__all__ = ["COLLECTIONS", "VERSION", "Target", "api_of", "find_target"]

_NAME = r"[A-Za-z0-9][A-Za-z0-9._@-]{0,127}"
VERSION = r"v\d+(?:(?:alpha|beta)\d*)?"
_PROJECT = r"projects/(?P<project>[A-Za-z0-9][A-Za-z0-9.:_-]{0,127})"
_LOCATION = r"locations/(?P<location>[a-z][a-z0-9-]{0,39})"
_METHODS = "generateContent|streamGenerateContent|countTokens|embedContent|batchEmbedContents"
"""Of a model."""
_GOVERNED = ("generateContent", "streamGenerateContent", "chat/completions", "interactions")

COLLECTIONS = ("/models", "/tunedModels/", "/endpoints/", "/chat/completions", "/interactions")
"""One of these is in every path that is served."""
_MODELS = rf"/models(?:/(?P<model>{_NAME})(?::(?P<method>{_METHODS}))?)?/?"
_GEMINI = re.compile(
    rf"(?:/{VERSION}|/models/{_NAME})*?(?:/(?P<version>{VERSION}))?"
    rf"(?:{_MODELS}|/(?P<tuned>tunedModels/{_NAME}):(?P<asked>{_METHODS}))"
)
_VERTEX = re.compile(
    rf"(?:/{VERSION})*?(?:/(?P<version>{VERSION}))?(?:/{_PROJECT}/{_LOCATION})?"
    rf"(?:/publishers/google{_MODELS}|/(?P<tuned>endpoints/{_NAME}):(?P<asked>{_METHODS}))"
)

_CHAT = re.compile(
    rf"(?:/{VERSION})*?(?:/(?P<version>{VERSION}))?"
    rf"(?:/openai|/{_PROJECT}/{_LOCATION}/endpoints/openapi)/chat/completions/?"
)
_INTERACTIONS = re.compile(
    # google-genai writes `//interactions` where it is told to leave out the version [T].
    rf"/?(?:/{VERSION})*?(?:/(?P<version>{VERSION}))?(?:/{_PROJECT}/{_LOCATION})?/interactions/?"
)

_OPENAI = re.compile(r"/openai(?:/|$)|/endpoints/openapi(?:/|$)")
_INTERACTION = re.compile(r"/interactions(?:/|$)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What a path asks for.

    Attributes:
        model: its name, with its collection where a user made it (`tunedModels/mine`,
            `endpoints/1`); None for the list of models.
        method: such as generateContent; None to look at the model.
        api: whose call it is; another than generateContent's has its model in the body.
        version: of the API.
        vertex: whether it is Vertex AI's form.
        project, location: of Vertex AI; "" in its express mode and in the Gemini API.
    """

    model: str | None
    method: str | None
    version: str
    api: Api = GENERATE
    vertex: bool = False
    project: str = ""
    location: str = ""

    @property
    def openai(self) -> bool:
        """Whether its key is sent as OpenAI's clients send it."""
        return self.api is CHAT and not self.vertex

    @property
    def governed(self) -> bool:
        """Whether a plan governs it; the others go through."""
        return self.method in _GOVERNED

    @property
    def streamed(self) -> bool:
        """Whether the path says that the answer comes in chunks."""
        return self.method == "streamGenerateContent"

    @property
    def verb(self) -> str:
        """HTTP method."""
        return "GET" if self.method is None else "POST"

    def path(self, model: str | None) -> str:
        """The upstream's path, with this model."""
        parts = [f"/{self.version}"]
        if self.project:
            parts.append(f"/projects/{self.project}/locations/{self.location}")
        if self.api is not GENERATE:
            root = "/endpoints/openapi" if self.vertex else "/openai"
            return "".join(parts) + (root if self.api is CHAT else "") + f"/{self.method}"
        if model is None or "/" not in model:
            parts.append("/publishers/google/models" if self.vertex else "/models")
        if model is not None:
            parts.append(f"/{model}")
        if self.method is not None:
            parts.append(f":{self.method}")
        return "".join(parts)


@lru_cache(maxsize=1024)
def find_target(path: str) -> Target | None:
    """What a path (decoded, without the query) asks for; None if it is none of the API's."""
    if len(path) > 2000:
        return None
    if "/models" not in path and (found := _CHAT.fullmatch(path) or _INTERACTIONS.fullmatch(path)):
        parts = found.groupdict()
        chat = "/chat/" in path
        return Target(
            model=None,
            method="chat/completions" if chat else "interactions",
            version=parts["version"] or ("v1" if parts["project"] else "v1beta"),
            api=CHAT if chat else INTERACTIONS,
            vertex=parts["project"] is not None,
            project=parts["project"] or "",
            location=parts["location"] or "",
        )
    vertex = "/publishers/" in path or "/endpoints/" in path
    found = (_VERTEX if vertex else _GEMINI).fullmatch(path)
    if found is None:
        return None
    parts = found.groupdict()
    if vertex and parts["tuned"] and not parts["project"]:
        return None
    return Target(
        model=parts["tuned"] or parts["model"],
        method=parts["asked"] or parts["method"],
        version=parts["version"] or ("v1" if vertex else "v1beta"),
        vertex=vertex,
        project=parts.get("project") or "",
        location=parts.get("location") or "",
    )


def api_of(path: str) -> Api:
    """Whose clients ask for a path, governed or not: in their spelling errors of ours are said."""
    if _OPENAI.search(path):
        return CHAT
    return INTERACTIONS if _INTERACTION.search(path) else GENERATE
