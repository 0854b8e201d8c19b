"""What a model cannot do at all, as its card has it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from balancer.core.catalog import ModelCard
from balancer.wire.members import child, member

from ..bodies import text_tokens
from ..refusals import invalid_argument
from .functions import is_silent

__all__ = ["check_abilities"]

_DATA = ("inlineData", "fileData")
_MEDIA = ("image", "audio", "video")


def check_abilities(
    document: dict[str, Any], card: ModelCard, cached_for: str | None = None
) -> None:
    """Refuse what needs another model.

    Raises:
        Refusal: says what.
    """
    if member(document, "systemInstruction") and not card.system_instruction:  # told
        raise invalid_argument(f"Developer instruction is not enabled for models/{card.name}")
    _modalities(child(document, "generationConfig"), card)
    if member(document, "cachedContent"):
        _cached(document, card, cached_for)
    for kind in () if is_silent(card) else _media(document):
        if kind not in card.inputs:  # believed
            raise invalid_argument(f"{kind.title()} input modality is not enabled for {card.name}")
    tokens = text_tokens(document)
    if tokens > card.context_limit_tokens:  # told
        raise invalid_argument(
            f"The input token count ({tokens}) exceeds the maximum number of tokens allowed "
            f"({card.context_limit_tokens})."
        )


def _modalities(config: Mapping[str, Any], card: ModelCard) -> None:
    """Told of images and speech on a text model; believed of text on a model of speech."""
    found = member(config, "responseModalities")
    asked = {str(each).lower() for each in (found if isinstance(found, list) else [found]) if each}
    asked.discard("modality_unspecified")
    outputs = ", ".join(sorted(card.outputs)).upper()
    wrong = sorted(asked - card.outputs)
    if wrong or (not asked and "text" not in card.outputs):
        raise invalid_argument(
            f"The requested combination of response modalities "
            f"({', '.join(wrong or ['text']).upper()}) is not supported by the model. "
            f"models/{card.name} answers with {outputs}."
        )
    if member(config, "speechConfig") is not None and "audio" not in card.outputs:
        raise invalid_argument(f"Speech is not supported by the model; {card.name} is no speaker.")
    if member(config, "imageConfig") is not None and "image" not in card.outputs:  # believed
        raise invalid_argument(f"Image settings are not supported by the model {card.name}.")


def _cached(document: Mapping[str, Any], card: ModelCard, cached_for: str | None) -> None:
    if not card.caching:  # believed
        raise invalid_argument(f"Cached content is not supported by models/{card.name}.")
    for name in ("systemInstruction", "tools", "toolConfig"):
        if member(document, name):  # told
            raise invalid_argument(
                "CachedContent can not be used with GenerateContent request setting "
                "system_instruction, tools or tool_config. Proposed fix: move those values to "
                "CachedContent from GenerateContent request."
            )
    if cached_for is not None and cached_for != card.name:  # believed
        raise invalid_argument(
            f"Model used by GenerateContent request (models/{card.name}) and CachedContent "
            f"(models/{cached_for}) has to be the same."
        )


def _media(document: Mapping[str, Any]) -> Iterator[str]:
    contents = member(document, "contents")
    for content in contents if isinstance(contents, list) else (contents,):
        parts = member(content, "parts")
        for part in parts if isinstance(parts, list) else ():
            for name in _DATA:
                mime = member(member(part, name), "mimeType")
                if isinstance(mime, str) and not mime.startswith("text/"):
                    kind = mime.partition("/")[0].lower()
                    yield kind if kind in _MEDIA else "document"
