"""One prompt through each mode side by side: what each makes of it, and what that costs.

Each call goes through the one path that there is for plans, under a balancer of its own that
never ticks: what a test shows must not be taken for a sign of illness, nor wait for the mode.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, replace

from ...core.modes import MODES, Mode, Priority
from ...core.policy import Policy
from ...core.pricing import NANO_USD
from ...runtime.balancer import Balancer
from ...runtime.calls import CallRecord
from ..api.dependencies import Dependencies
from ..api.llm import ask
from ..api.schemas import Answer
from ..problems import Problem
from ..proxy import Gateway

__all__ = ["Tried", "try_modes"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """What a mode made of the prompt.

    Attributes:
        mode: its label.
        answer: None where there is none.
        problem: why there is none; "".
        latency_s: wall seconds.
        usd: of all attempts, as estimated from usage and prices.
        attempts: how many.
        shed: share of requests of normal priority that the mode would refuse.
    """

    mode: str
    answer: Answer | None
    problem: str
    latency_s: float
    usd: float
    attempts: int
    shed: float


async def try_modes(dependencies: Dependencies, prompt: str, model: str | None) -> list[Tried]:
    """Ask in all four modes at once. It spends, outside of the policy's budget.

    Raises:
        Problem: 413, 422 or 503: nothing was asked.
    """
    if not prompt.strip():
        raise Problem(422, "Enter something here.", where="prompt")
    spent = [
        each for each in dependencies.balancer.budgets() if each.key is None and each.left <= 0
    ]
    if spent:
        raise Problem(422, "The budget is spent, so nothing is tried.", where="prompt")
    return list(await asyncio.gather(*(_try(dependencies, mode, prompt, model) for mode in MODES)))


async def _try(dependencies: Dependencies, mode: Mode, prompt: str, model: str | None) -> Tried:
    policy = dependencies.balancer.policy
    strategy = policy.strategies[mode]
    balancer = Balancer(
        _always(policy, mode),
        settings=dependencies.balancer.settings,
        clock=dependencies.balancer.clock,
    )
    calls: list[CallRecord] = []
    balancer.listeners.calls.add(calls.append)
    gateway = Gateway(balancer, dependencies.settings)
    gateway.open()
    begun = time.monotonic()
    answer, problem = None, ""
    try:
        answer = await ask(replace(dependencies, balancer=balancer, gateway=gateway), prompt, model)
    except Problem as error:
        if error.status in (413, 422):
            raise
        problem = error.message
    finally:
        await gateway.close()
    return Tried(
        mode=mode.label,
        answer=answer,
        problem=problem,
        latency_s=time.monotonic() - begun,
        usd=sum(call.nano_usd for call in calls) / NANO_USD,
        attempts=len(calls),
        shed=strategy.shed[Priority.NORMAL],
    )


def _always(policy: Policy, mode: Mode) -> Policy:
    """A policy that does to every call what a mode does, and refuses none."""
    strategy = replace(policy.strategies[mode], shed=(0.0, 0.0, 0.0))
    # Without a baseline, a policy is not asked for modes that get cheaper step by step.
    return replace(
        policy,
        strategies=(strategy, strategy, strategy, strategy),
        baseline=None,
        budgets=(),
        priority_budgets=(),
    )
