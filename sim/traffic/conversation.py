"""The conversation workload: token counts of a chat service, from published figures.

Prompt and answer follow the Azure LLM inference trace 2023, conversation service (19,366
requests, 5.5 a second, inter-arrival CV 1.09; Patel et al., "Splitwise: Efficient generative
LLM inference using phase splitting", ISCA 2024; data under CC-BY 4.0): rounded quantiles,
linear between them; their means are within 2 % of the trace's 1155 and 211.

Thinking is an assumption, as no trace of it is public: lognormal around the number of
tokens that explains gemini-2.5-flash's published 5.8 s to the first token.
"""

from __future__ import annotations

from scenarios.schema import Lognormal, Quantiles

__all__ = ["ANSWER", "PROMPT", "THINKING"]

PROMPT = Quantiles(
    quantiles={
        0.0: 2,
        0.01: 29,
        0.05: 181,
        0.25: 396,
        0.4: 703,
        0.5: 1020,
        0.75: 1189,
        0.8: 1315,
        0.85: 1876,
        0.9: 2735,
        0.95: 4083,
        0.99: 4142,
        0.999: 6179,
        1.0: 14050,
    }
)
"""Tokens of a prompt, history included."""

ANSWER = Quantiles(
    quantiles={
        0.0: 7,
        0.05: 41,
        0.25: 85,
        0.4: 103,
        0.5: 129,
        0.6: 177,
        0.7: 384,
        0.8: 400,
        0.9: 424,
        0.95: 451,
        0.99: 601,
        0.999: 954,
        1.0: 1000,
    }
)
"""Tokens of an answer, when nothing shortens it."""

THINKING = Lognormal(p50=1000, p95=1400)
"""Tokens a model thinks when it chooses freely; mean 1021."""
