"""No law: normal for ever, the counterfactual of every saving."""

from __future__ import annotations

from balancer.core.controller import Controller
from balancer.core.modes import Mode
from balancer.core.observations import Alert, Override
from tests.core.builders import make_policy
from tests.core.loop import Health, Loop, always


def test_nothing_moves_it() -> None:
    """Neither failures nor alerts nor overrides."""
    run = Loop(
        Controller(make_policy(law="none")),
        always(normal=Health(failing=1.0)),
        alerts={5: (Alert("a", 5, Mode.EMERGENCY),)},
        overrides={6: (Override(6, 60, Mode.EMERGENCY, "drill"),)},
    ).run(100)
    assert run.steps == []
    assert run.now.admit == (1.0, 1.0, 1.0)
    assert run.now.mix == (1.0, 0.0, 0.0, 0.0)


def test_it_has_nothing_to_remember() -> None:
    """And is restored from that."""
    policy = make_policy(law="none")
    run = Loop(Controller(policy)).run(3)
    state = run.controller.state()
    assert state["memory"] == {}
    assert Controller.restore(policy, state).step(run.observed[0]._replace(tick=3)).mode == 0
