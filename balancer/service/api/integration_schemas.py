"""What the API says of what runs beside the service."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field

__all__ = ["IntegrationHealth", "PolledReading"]


class IntegrationHealth(BaseModel):
    """How something beside the service is. Its trouble affects no call."""

    state: Literal["starting", "ok", "stale", "trouble", "off"]
    error: str = Field(description="What is wrong; empty: nothing")
    waiting: int = Field(description="Yet to be sent")
    dropped: int = Field(description="Given up since the start")
    failures: int = Field(description="Tries that failed")
    ok_at: datetime | None = Field(description="Of the last try that went well, where it is kept")


class PolledReading(BaseModel):
    """A signal as it was polled last."""

    rule: str
    signal: str
    state: Literal["fresh", "stale", "missing", "failed"] = Field(
        description="Only a fresh value raises or clears anything"
    )
    value: float | None = Field(description="In the signal's unit; null is unknown, never zero")
    age_s: float | None = Field(description="Since the end of the minute that it is of")
    above: bool = Field(description="Above its threshold for as long as the rule asks")
