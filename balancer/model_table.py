"""The form of a model table: what its file may say, in dollars per million tokens.

`models.toml`, which ships, explains the keys; `balancer.prices` makes a catalog of a table.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from .core.catalog import LEVEL_TOKENS, ModelCard
from .core.errors import nearest
from .units import Day

__all__ = [
    "FeeRow",
    "LaterPrice",
    "ModelRow",
    "ModelTable",
    "SurchargesRow",
    "Tier",
    "TierRow",
    "TiersRow",
]

_FREE = (0, 0, 0, 0, 0, 0, 0)

UsdPerMillion = Annotated[float, Field(ge=0, le=100_000)]


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Tier(_Table):
    """Dollars per million tokens."""

    input: UsdPerMillion
    output: UsdPerMillion
    cached: UsdPerMillion | None = None
    """None: cached input costs what other input costs."""


def _known_level(level: str) -> str:
    if level not in LEVEL_TOKENS:
        raise ValueError(
            f"found {level!r}, expected one of {', '.join(LEVEL_TOKENS)}"
            f"{nearest(level, LEVEL_TOKENS)}"
        )
    return level


class ThinkingRange(_Table):
    """How a model can be told to think: a budget, or levels, or (neither) not at all."""

    budget: tuple[Annotated[int, Field(ge=1)], Annotated[int, Field(ge=1)]] | None = None
    off: bool = False
    levels: tuple[Annotated[str, AfterValidator(_known_level)], ...] = ()
    default: int | str | None = None
    """Its setting where a call says none (-1: as much as it likes); None: it is not known."""

    @model_validator(mode="after")
    def _ordered(self) -> ThinkingRange:
        if self.budget and self.budget[0] > self.budget[1]:
            raise ValueError(f"found budget {list(self.budget)}, expected least before most")
        settings = ModelCard(
            name="it", price=_FREE, budget=self.budget, off=self.off, levels=self.levels
        )
        if self.default is not None and (refusal := settings.refuses(self.default)):
            raise ValueError(f"found default {self.default}, but {refusal}")
        return self


Factor = Annotated[float, Field(ge=0, le=100)]


class TierRow(_Table):
    """What a service tier costs: standard's prices times a factor, but for what it says itself.

    A number alone is the factor.
    """

    factor: Factor = 1.0
    cached_factor: Factor | None = None
    """Of cached input; None: as of everything else."""
    input: UsdPerMillion | None = None
    output: UsdPerMillion | None = None
    cached: UsdPerMillion | None = None
    above_200k: Tier | None = None

    @model_validator(mode="before")
    @classmethod
    def _factor_alone(cls, values: Any) -> Any:
        if isinstance(values, int | float) and not isinstance(values, bool):
            return {"factor": values}
        return values

    @property
    def exact(self) -> bool:
        """Whether it says dollars, which hold beside one standard price only."""
        return {self.input, self.output, self.cached, self.above_200k} != {None}


class TiersRow(_Table):
    """Service tiers that have prices of their own."""

    flex: TierRow | None = None
    batch: TierRow | None = None
    priority: TierRow | None = None

    @property
    def rows(self) -> dict[str, TierRow]:
        """By the tier's name."""
        rows = {"flex": self.flex, "batch": self.batch, "priority": self.priority}
        return {name: row for name, row in rows.items() if row is not None}


class LaterPrice(Tier):
    """What a model costs from a day on."""

    since: Day = Field(alias="from")
    above_200k: Tier | None = None
    tiers: TiersRow | None = None
    """None: as before, in proportion."""


Limit = Annotated[int, Field(gt=0, le=10_000_000)]


class MediaRow(_Table):
    """Dollars per million tokens of a modality; None: as text."""

    input: UsdPerMillion | None = None
    output: UsdPerMillion | None = None
    cached: UsdPerMillion | None = None


class FeeRow(_Table):
    """What a call's searches cost: by call that made any (`prompt`), or by `query`."""

    usd: Annotated[float, Field(ge=0, le=100)]
    per: Literal["prompt", "query"]
    most_queries: Annotated[int, Field(ge=1, le=1000)] = 8
    """That a call is taken to make at most, where a hard budget holds money for it."""


class SurchargesRow(_Table):
    """What a model charges beyond text."""

    image: MediaRow | None = None
    audio: MediaRow | None = None
    video: MediaRow | None = None
    document: MediaRow | None = None
    search: FeeRow | None = None
    maps: FeeRow | None = None


Input = Literal["text", "image", "audio", "video", "document"]
Output = Literal["text", "image", "audio", "embedding"]
Tool = Literal[
    "functions",
    "googleSearch",
    "googleMaps",
    "urlContext",
    "codeExecution",
    "fileSearch",
    "computerUse",
    "googleSearchRetrieval",
    "enterpriseWebSearch",
    "parallelAiSearch",
    "retrieval",
    "mcpServers",
    "exaAiSearch",
]
"""Members of a request's `tools`, as google-genai has them; functions are those of the caller."""


class ModelRow(Tier):
    """One model. What its row leaves out is as we know the model, or as of any we do not."""

    above_200k: Tier | None = None
    tiers: TiersRow | None = None
    later: tuple[LaterPrice, ...] = ()
    thinking: ThinkingRange | None = None
    context_limit: Limit | None = None
    output_limit: Limit | None = None
    family: str | None = None
    rank: Annotated[int, Field(ge=0, le=1000)] | None = None
    routed: bool | None = None
    inputs: Annotated[frozenset[Input], Field(min_length=1)] | None = None
    outputs: Annotated[frozenset[Output], Field(min_length=1)] | None = None
    tools: frozenset[Tool] | None = None
    system_instruction: bool | None = None
    caching: bool | None = None
    json_with_functions: bool | None = None
    signs_calls: bool | None = None
    provider: str | None = None
    released: Day | None = None
    shutdown: Day | None = None
    served_by: str | None = None
    surcharges: SurchargesRow | None = None
    aliases: tuple[str, ...] | None = None

    @model_validator(mode="after")
    def _in_order(self) -> ModelRow:
        days = [price.since for price in self.later]
        if days != sorted(set(days)):
            raise ValueError("found days under later that do not grow, expected oldest first")
        exact = self.tiers is not None and any(row.exact for row in self.tiers.rows.values())
        if exact and any(price.tiers is None for price in self.later):
            raise ValueError(
                "found dollars under tiers and a later price without tiers, expected tiers there "
                "too: only factors hold for both"
            )
        return self


class ModelTable(_Table):
    """A table of models."""

    dated: Day | None = None
    kinds: dict[str, dict[str, Any]] = {}
    """Keys that several models share."""
    models: dict[str, ModelRow] = {}
    unknown: ModelRow | None = None
    """What a model costs that has no row; None: nobody has said."""

    @model_validator(mode="before")
    @classmethod
    def _of_their_kinds(cls, values: Any) -> Any:
        kinds = values.get("kinds", {}) if isinstance(values, dict) else None
        if not isinstance(kinds, dict) or not isinstance(values.get("models"), dict):
            return values
        for name, row in kinds.items():
            if isinstance(row, dict) and "kind" in row:
                raise ValueError(
                    f"kinds.{name}.kind: found {row['kind']!r}, expected a kind that is of no "
                    "other one: write its keys out"
                )
        models = {name: _of_kind(name, row, kinds) for name, row in values["models"].items()}
        return {**values, "models": models}


def _of_kind(name: str, row: Any, kinds: dict[str, Any]) -> Any:
    if not isinstance(row, dict) or "kind" not in row:
        return row
    kind = str(row["kind"])
    if kind not in kinds:
        raise ValueError(
            f"models.{name}.kind: found {kind!r}, expected a name under kinds of the same table"
            f"{nearest(kind, kinds)}"
        )
    if not isinstance(kinds[kind], dict):
        return row
    own = {key: value for key, value in row.items() if key != "kind"}
    return {**kinds[kind], **own}
