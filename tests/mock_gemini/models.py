"""Models that differ in what they can do, for tests of what is refused."""

from __future__ import annotations

from balancer.core.catalog import ModelCard
from balancer.prices import default_catalog

__all__ = [
    "COMPUTER",
    "GEMMA",
    "IMAGE",
    "MODELS",
    "SPEECH",
    "THIRD",
    "THIRD_FAST",
    "TWO",
    "TWO_LITE",
    "TWO_PRO",
]

_PRICE = default_catalog().card("gemini-2.5-flash").price
_ALL = frozenset(("text", "image", "audio", "video", "document"))
_TOOLS = frozenset(("functions", "googleSearch", "codeExecution", "urlContext"))

TWO = ModelCard(
    name="gemini-2.5-flash", price=_PRICE, budget=(1, 24_576), off=True, family="2.5", rank=2,
    inputs=_ALL, tools=_TOOLS, json_with_functions=False,
)  # fmt: skip
TWO_LITE = ModelCard(
    name="gemini-2.5-flash-lite", price=_PRICE, budget=(512, 24_576), off=True, family="2.5",
    rank=1, inputs=_ALL, tools=_TOOLS, json_with_functions=False,
)  # fmt: skip
TWO_PRO = ModelCard(
    name="gemini-2.5-pro", price=_PRICE, budget=(128, 32_768), off=False, family="2.5", rank=3,
    inputs=_ALL, tools=_TOOLS, json_with_functions=False,
)  # fmt: skip
THIRD = ModelCard(
    name="gemini-3.5-flash", price=_PRICE, budget=None, off=False,
    levels=("MINIMAL", "LOW", "MEDIUM", "HIGH"), family="3", rank=2, inputs=_ALL, tools=_TOOLS,
    signs_calls=True,
)  # fmt: skip
THIRD_FAST = ModelCard(
    name="gemini-3.8-flash", price=_PRICE, budget=None, off=False,
    levels=("LOW", "MEDIUM", "HIGH"), family="3", rank=3, inputs=_ALL, tools=_TOOLS,
    signs_calls=True,
)  # fmt: skip
IMAGE = ModelCard(
    name="gemini-2.5-flash-image", price=_PRICE, budget=None, off=False, family="image", rank=1,
    inputs=frozenset(("text", "image")), outputs=frozenset(("text", "image")), caching=False,
    output_limit_tokens=32_768, context_limit_tokens=32_768, json_with_functions=False,
)  # fmt: skip
SPEECH = ModelCard(
    name="gemini-2.5-flash-preview-tts", price=_PRICE, budget=None, off=False, family="speech",
    rank=1, outputs=frozenset(("audio",)), system_instruction=False, caching=False,
    output_limit_tokens=16_384, context_limit_tokens=8_192, json_with_functions=False,
)  # fmt: skip
GEMMA = ModelCard(
    name="gemma-3-27b-it", price=_PRICE, budget=None, off=False, family="gemma", rank=1,
    inputs=frozenset(("text", "image")), system_instruction=False, caching=False,
    output_limit_tokens=8_192, context_limit_tokens=131_072, json_with_functions=False,
)  # fmt: skip
COMPUTER = ModelCard(
    name="gemini-2.5-computer-use-preview-10-2025", price=_PRICE, budget=(128, 32_768), off=False,
    inputs=frozenset(("text", "image")), tools=frozenset(("functions", "computerUse")),
    context_limit_tokens=131_072, json_with_functions=False,
)  # fmt: skip
MODELS = (COMPUTER, TWO, TWO_LITE, TWO_PRO, THIRD, THIRD_FAST, IMAGE, SPEECH, GEMMA)
