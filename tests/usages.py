"""Forty usages as `usageMetadata` says them, with the prices that were published for each.

Made by hand in the API's form: no bill was seen. Prices are dollars per million tokens, written out
once more here so that the table that ships is held against something that is not itself.
"""

from __future__ import annotations

from typing import Any, NamedTuple

__all__ = ["USAGES", "Priced", "UsageOf"]


class Priced(NamedTuple):
    """Dollars per million tokens."""

    input: float
    output: float
    cached: float
    audio: float | None = None
    cached_audio: float | None = None
    image_out: float | None = None


class UsageOf(NamedTuple):
    """One call: who served it, in which tier, on which day, and what it used.

    Attributes:
        model: as `modelVersion` says.
        tier: that served.
        day: ISO.
        tokens: prompt, cached, answer, thoughts.
        audio: tokens of audio in the prompt, and of those from the cache.
        images: tokens of pictures in the answer.
        at: what it costs.
    """

    model: str
    tier: str
    day: str
    tokens: tuple[int, int, int, int]
    at: Priced
    audio: tuple[int, int] = (0, 0)
    images: int = 0

    @property
    def body(self) -> dict[str, Any]:
        """An answer that reports it."""
        prompt, cached, answer, thoughts = self.tokens
        audio, cached_audio = self.audio
        usage: dict[str, Any] = {
            "promptTokenCount": prompt,
            "candidatesTokenCount": answer,
            "thoughtsTokenCount": thoughts,
            "cachedContentTokenCount": cached,
            "promptTokensDetails": _details(TEXT=prompt - audio, AUDIO=audio),
            # Said where it is none, too: genai-prices prices no other body that has both.
            "cacheTokensDetails": [
                {"modality": "TEXT", "tokenCount": cached - cached_audio},
                {"modality": "AUDIO", "tokenCount": cached_audio},
            ],
            "candidatesTokensDetails": _details(TEXT=answer - self.images, IMAGE=self.images),
        }
        return {"modelVersion": self.model, "usageMetadata": usage}

    @property
    def usd(self) -> float:
        """By the prices beside it."""
        prompt, cached, answer, thoughts = self.tokens
        audio, cached_audio = self.audio
        at = self.at
        fresh_audio = audio - cached_audio
        return (
            (prompt - cached - fresh_audio) * at.input
            + fresh_audio * (at.input if at.audio is None else at.audio)
            + (cached - cached_audio) * at.cached
            + cached_audio * (at.cached if at.cached_audio is None else at.cached_audio)
            + (answer - self.images + thoughts) * at.output
            + self.images * (at.image_out or 0.0)
        ) / 1e6


def _details(**tokens: int) -> list[dict[str, Any]]:
    return [{"modality": name, "tokenCount": count} for name, count in tokens.items() if count]


NOW, DECEMBER, JANUARY = "2026-11-28", "2026-12-02", "2027-01-02"
CHAT, CACHED, DEEP, LONG = (
    (1_155, 0, 211, 0),
    (52_000, 48_000, 900, 300),
    (2_400, 0, 650, 9_800),
    (260_000, 200_000, 1_200, 4_000),
)
FLASH_2, LITE_2, LITE_31 = (
    Priced(0.30, 2.50, 0.03, 1.0, 0.10),
    Priced(0.10, 0.40, 0.01, 0.30, 0.03),
    Priced(0.25, 1.50, 0.025, 0.50, 0.05),
)
FLASH_36, LITE_35 = Priced(0.75, 3.75, 0.075), Priced(0.30, 2.50, 0.03)

USAGES = (
    # Standard, on the day of the table.
    UsageOf("gemini-3.8-flash", "standard", NOW, CHAT, FLASH_36),
    UsageOf("gemini-3.8-flash", "standard", NOW, CACHED, FLASH_36),
    UsageOf("gemini-3.8-flash", "standard", NOW, DEEP, FLASH_36),
    UsageOf("gemini-3.8-flash", "standard", NOW, LONG, FLASH_36),
    UsageOf("gemini-3.6-flash", "standard", NOW, DEEP, FLASH_36),
    UsageOf("gemini-3.5-flash-lite", "standard", NOW, CACHED, LITE_35),
    UsageOf("gemini-3.5-flash-lite", "standard", NOW, CHAT, LITE_35, (900, 0)),
    UsageOf("gemini-3.1-flash-lite", "standard", NOW, CHAT, LITE_31),
    UsageOf("gemini-3.1-flash-lite", "standard", NOW, CACHED, LITE_31, (40_000, 38_000)),
    UsageOf("gemini-2.5-flash", "standard", NOW, CHAT, FLASH_2),
    UsageOf("gemini-2.5-flash", "standard", NOW, CACHED, FLASH_2, (3_000, 0)),
    UsageOf("gemini-2.5-flash", "standard", NOW, DEEP, FLASH_2, (2_000, 0)),
    UsageOf("gemini-2.5-flash-lite", "standard", NOW, CACHED, LITE_2, (50_000, 48_000)),
    UsageOf("gemini-2.5-pro", "standard", NOW, CACHED, Priced(1.25, 10.0, 0.125)),
    UsageOf("gemini-2.5-pro", "standard", NOW, LONG, Priced(2.50, 15.0, 0.25)),
    UsageOf("gemini-2.5-pro", "standard", NOW, (200_000, 0, 10, 0), Priced(1.25, 10.0, 0.125)),
    UsageOf("gemini-2.5-pro", "standard", NOW, (200_001, 0, 10, 0), Priced(2.50, 15.0, 0.25)),
    UsageOf("gemini-3.1-pro-preview", "standard", NOW, DEEP, Priced(2.0, 12.0, 0.20)),
    UsageOf("gemini-3.1-pro-preview", "standard", NOW, LONG, Priced(4.0, 18.0, 0.40)),
    UsageOf("gemini-4-argon", "standard", NOW, DEEP, Priced(2.0, 10.0, 0.10)),
    UsageOf("gemini-4-neon", "standard", NOW, DEEP, Priced(3.0, 15.0, 0.15)),
    UsageOf("gemini-4-hydrogen", "standard", NOW, CACHED, Priced(1.50, 7.50, 0.075)),
    UsageOf(
        "gemini-2.5-flash-image", "standard", NOW, (300, 0, 1_310, 0),
        Priced(0.30, 2.50, 0.30, image_out=30.0), images=1_290,
    ),
    # Other days.
    UsageOf("gemini-4-argon", "standard", DECEMBER, DEEP, Priced(4.0, 20.0, 0.20)),
    UsageOf("gemini-3.8-flash", "standard", "2026-12-31", CHAT, FLASH_36),
    UsageOf("gemini-3.8-flash", "standard", JANUARY, CACHED, Priced(1.50, 7.50, 0.15)),
    UsageOf("gemini-3.6-flash", "standard", JANUARY, DEEP, Priced(1.50, 7.50, 0.15)),
    UsageOf("gemini-3.5-flash-lite", "standard", JANUARY, CHAT, LITE_35),
    # Batch: half, and cached input as in standard up to Gemini 3's previews.
    UsageOf("gemini-3.8-flash", "batch", NOW, CACHED, Priced(0.375, 1.875, 0.0375)),
    UsageOf("gemini-3.8-flash", "batch", JANUARY, CACHED, Priced(0.75, 3.75, 0.075)),
    UsageOf("gemini-3.5-flash-lite", "batch", NOW, CACHED, Priced(0.15, 1.25, 0.02)),
    UsageOf(
        "gemini-2.5-flash", "batch", NOW, CACHED,
        Priced(0.15, 1.25, 0.03, 0.5, 0.1), (9_000, 6_000),
    ),
    UsageOf("gemini-2.5-pro", "batch", NOW, LONG, Priced(1.25, 7.50, 0.25)),
    UsageOf("gemini-3.1-pro-preview", "batch", NOW, LONG, Priced(2.0, 9.0, 0.40)),
    # Flex and priority.
    UsageOf("gemini-3.8-flash", "flex", NOW, CACHED, Priced(0.375, 1.875, 0.0375)),
    UsageOf("gemini-3.5-flash-lite", "flex", NOW, CACHED, Priced(0.15, 1.25, 0.02)),
    UsageOf("gemini-3.8-flash", "priority", NOW, DEEP, Priced(1.35, 6.75, 0.135)),
    UsageOf("gemini-3.5-flash-lite", "priority", NOW, CACHED, Priced(0.54, 4.50, 0.05)),
    UsageOf(
        "gemini-2.5-flash", "priority", NOW, CHAT,
        Priced(0.54, 4.50, 0.054, 1.8, 0.18), (500, 0),
    ),
    UsageOf("gemini-2.5-pro", "priority", NOW, LONG, Priced(4.50, 27.0, 0.45)),
)  # fmt: skip
