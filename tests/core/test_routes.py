"""Routes: which models a strategy calls, by what its caller asked for."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from balancer.core.catalog import Catalog, ModelCard
from balancer.core.errors import PolicyError
from balancer.core.policy import Policy
from balancer.core.routes import RUNNING_TURN, base_model, resolve
from balancer.core.strategy import ROUTES, Strategy, check_strategy
from tests.core.builders import STRATEGIES, make_policy


def card(name: str, usd: int, *, family: str = "f", **more: object) -> ModelCard:
    """A model whose every price is `usd` and whose rank is too."""
    price = (1 << 40, *(6 * (usd * 10**9,)))
    plain = ModelCard(name=name, price=price, budget=None, off=False, family=family, rank=usd)
    return replace(plain, **more)  # type: ignore[arg-type]


TOP, MIDDLE, LEAST, OTHER = card("top", 9), card("middle", 5), card("least", 1), card("other", 3)
OTHER = replace(OTHER, family="g")
CATALOG = Catalog(dated="", cards=(LEAST, TOP, OTHER, MIDDLE))


def route(*models: str, asked: str = "top", needs: str = "", **more: int) -> tuple[str, ...]:
    """Where a strategy of these models leads."""
    strategy = Strategy(model=models[0], fallback_models=models[1:])
    needed = frozenset(needs.split("+")) if needs else frozenset()
    return resolve(strategy, asked, CATALOG, needs=needed, **more)


def test_a_strategy_that_names_no_model_serves_what_was_asked_for() -> None:
    """Whatever that is."""
    for asked in ("top", "top-001", "unheard-of", "tunedModels/top"):
        assert resolve(Strategy(), asked, CATALOG) == (asked,)


def test_steps_go_down_the_family_of_the_model_asked_for() -> None:
    """As far as they are asked to, or there are any."""
    assert route("one cheaper", "asked") == ("middle", "top")
    assert route("two cheaper", "asked") == ("least", "top")
    assert route("two cheaper", asked="middle") == ("least",)
    assert route("one cheaper", "asked", asked="least") == ("least",)
    assert route("asked", "one cheaper", "two cheaper") == ("top", "middle", "least")


def test_each_step_is_cheaper_than_the_one_before() -> None:
    """A weaker model at the same price saves nothing."""
    again = card("again", 5, rank=4)
    catalog = Catalog(dated="", cards=(*CATALOG.cards, again))
    assert resolve(Strategy(model="two cheaper"), "top", catalog) == ("least",)
    assert resolve(Strategy(model="one cheaper"), "middle", catalog) == ("least",)


def test_a_model_that_is_named_takes_over_where_it_costs_no_more() -> None:
    """From whatever family; where it costs more, the caller keeps its own."""
    assert route("other", "asked") == ("other", "top")
    assert route("other", asked="least") == ("least",)
    assert route("middle", "top", asked="middle") == ("middle",)


def test_a_dated_name_goes_as_its_family_does_and_stays_as_it_is_written() -> None:
    """Also where the policy names the family's model."""
    assert route("one cheaper", "asked", asked="top-001") == ("middle", "top-001")
    assert route("top", asked="top-001") == ("top-001",)


def test_an_unknown_model_is_not_moved() -> None:
    """Nothing is known of what it costs and can do."""
    assert route("least", "one cheaper", "asked", asked="mine") == ("mine",)
    assert route("gone", asked="top") == ("top",)


def test_no_step_leads_to_a_model_that_is_not_routed() -> None:
    """A policy may still name it."""
    catalog = Catalog(dated="", cards=(LEAST, TOP, replace(MIDDLE, routed=False)))
    assert resolve(Strategy(model="one cheaper"), "top", catalog) == ("least",)
    assert resolve(Strategy(model="middle"), "top", catalog) == ("middle",)


def test_a_model_without_a_family_is_moved_only_by_name() -> None:
    """Nothing stands in for it."""
    alone = card("alone", 7, family="")
    catalog = Catalog(dated="", cards=(*CATALOG.cards, alone, card("lonely", 2, family="")))
    assert resolve(Strategy(model="one cheaper"), "alone", catalog) == ("alone",)
    assert resolve(Strategy(model="middle"), "alone", catalog) == ("middle",)


def test_nobody_is_moved_to_a_model_that_lacks_what_the_request_uses() -> None:
    """Inputs, outputs, tools, a system instruction, caching, room for the prompt."""
    seeing = replace(LEAST, inputs=frozenset({"text", "image"}), context_limit_tokens=100)
    catalog = Catalog(dated="", cards=(TOP, MIDDLE, seeing))
    down = Strategy(model="one cheaper", fallback_models=("middle",))
    picture = frozenset({"inputs.image"})
    assert resolve(down, "top", catalog, needs=picture) == ("least",)
    assert resolve(down, "top", catalog, needs=picture, prompt_tokens=101) == ("top",)
    assert resolve(down, "top", catalog, needs=frozenset({"tools.functions"})) == ("top",)


def test_a_model_made_for_more_than_text_keeps_what_it_was_asked_for() -> None:
    """Its caller need not say that it wants a picture."""
    painter = replace(TOP, outputs=frozenset({"text", "image"}))
    catalog = Catalog(dated="", cards=(painter, MIDDLE, LEAST))
    down = Strategy(model="least", fallback_models=("one cheaper",))
    assert resolve(down, "top", catalog) == ("top",)


SIGNING = replace(TOP, signs_calls=True, tools=frozenset({"functions"}))
FREE = replace(MIDDLE, tools=frozenset({"functions"}))
ALSO = replace(LEAST, signs_calls=True, tools=frozenset({"functions"}))
TURNS = Catalog(dated="", cards=(SIGNING, FREE, ALSO))


def test_functions_of_a_model_that_signs_stay_with_models_that_do() -> None:
    """Calls without signatures would be refused on the way back."""
    calling = frozenset({"tools.functions"})
    assert resolve(Strategy(model="one cheaper"), "top", TURNS) == ("middle",)
    assert resolve(Strategy(model="one cheaper"), "top", TURNS, needs=calling) == ("least",)
    assert resolve(Strategy(model="middle"), "top", TURNS, needs=calling) == ("top",)


def test_a_running_turn_stays_where_it_is() -> None:
    """In every mode; where neither model signs, another one may still help out."""
    turn = frozenset({"tools.functions", RUNNING_TURN})
    down = Strategy(model="one cheaper", fallback_models=("asked", "two cheaper"))
    assert resolve(down, "top", TURNS, needs=turn) == ("top",)
    assert resolve(down, "middle", TURNS, needs=turn) == ("middle",)
    plain = Catalog(dated="", cards=(replace(SIGNING, signs_calls=False), FREE))
    assert resolve(down, "top", plain, needs=turn) == ("top", "middle")


def test_who_names_no_model_gets_the_policy_s() -> None:
    """The one of normal, or else the settings'."""
    assert base_model(Strategy(model="top"), "mine") == "top"
    assert base_model(Strategy(), "mine") == "mine"
    assert base_model(Strategy(model="asked"), "mine") == "mine"


CARDS = st.lists(
    st.builds(
        lambda name, usd, rank, family, signs, routed, tools: replace(
            card(name, usd, family=family),
            rank=rank,
            signs_calls=signs,
            routed=routed,
            tools=frozenset(tools),
        ),
        st.sampled_from("abcdefgh"),
        st.integers(0, 4),
        st.integers(0, 4),
        st.sampled_from(["", "f", "g"]),
        st.booleans(),
        st.booleans(),
        st.sets(st.sampled_from(["functions", "googleSearch"])),
    ),
    min_size=1,
    max_size=8,
    unique_by=lambda each: each.name,
)
NEEDS = st.frozensets(
    st.sampled_from(["tools.functions", "tools.googleSearch", "inputs.text", RUNNING_TURN])
)
WISHES = st.lists(st.sampled_from([*ROUTES, *"abcdefgh"]), min_size=1, max_size=5)


@given(CARDS, WISHES, NEEDS, st.data())
def test_a_route_never_goes_up_and_never_takes_away_what_is_used(
    cards: list[ModelCard], wishes: list[str], needs: frozenset[str], data: st.DataObject
) -> None:
    """Never dearer, never lacking, never twice, and normal is what was asked for."""
    catalog = Catalog(dated="", cards=tuple(cards))
    asked = data.draw(st.sampled_from(cards))
    strategy = Strategy(model=wishes[0], fallback_models=tuple(wishes[1:]))
    chain = resolve(strategy, asked.name, catalog, needs=needs)
    assert len(chain) == len(set(chain)) > 0
    for name in chain:
        found = catalog.card(name)
        assert name == asked.name or (
            all(a <= b for a, b in zip(found.price[1:], asked.price[1:], strict=True))
            and not found.lacks(needs - {RUNNING_TURN})
        )
        named = name in wishes or name == asked.name
        assert named or (found.family == asked.family != "" and found.rank < asked.rank)
    assert resolve(Strategy(), asked.name, catalog, needs=needs) == (asked.name,)
    assert resolve(Strategy(model="asked"), asked.name, catalog, needs=needs) == (asked.name,)
    if RUNNING_TURN in needs:
        assert chain[0] == asked.name


@pytest.mark.parametrize(
    ("strategy", "why"),
    [
        (Strategy(model="one chepaer"), "did you mean 'one cheaper'?"),
        (Strategy(fallback_models=("aksed",)), "did you mean 'asked'?"),
        (Strategy(model="midle"), "did you mean 'middle'?"),
        (Strategy(model="one cheaper", output_cap_tokens=9), "say how much it may think"),
        (Strategy(model="asked", thinking=-1, output_cap_tokens=9), "say how much it may think"),
        (
            Strategy(model="two cheaper", thinking=9, output_cap_tokens=9),
            "raise output_cap above 9",
        ),
    ],
)
def test_a_word_that_is_none_and_a_cap_that_would_be_thought_away_are_refused(
    strategy: Strategy, why: str
) -> None:
    """With the nearest name, or the cure."""
    with pytest.raises(PolicyError) as caught:
        check_strategy(strategy, "modes.soft", CATALOG)
    assert why in str(caught.value)


def test_a_policy_of_words_needs_no_names() -> None:
    """Thinking that a model would not take is fitted to it, so nothing is refused."""
    down = Strategy(model="one cheaper", thinking=300, output_cap_tokens=400)
    policy = make_policy(strategies=(Strategy(), down, *STRATEGIES[2:]))
    assert isinstance(policy, Policy)
    assert policy.strategies[1].models == ("one cheaper",)
    assert policy.strategies[1].named_models == ()
