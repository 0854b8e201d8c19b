"""One mode for ever: no controller, and the cheap model always."""

from __future__ import annotations

import pytest

from balancer.core.controller import Controller
from balancer.core.modes import Mode
from balancer.core.observations import Alert, Override
from tests.core.builders import make_policy
from tests.core.loop import Health, Loop, always

LAWS = {"none": Mode.NORMAL, "always_soft": Mode.SOFT, "always_hard": Mode.HARD}


@pytest.mark.parametrize("law", LAWS)
def test_nothing_moves_it(law: str) -> None:
    """Neither failures nor alerts nor overrides."""
    run = Loop(
        Controller(make_policy(law=law)),
        always(normal=Health(failing=1.0)),
        alerts={5: (Alert("a", 5, Mode.EMERGENCY),)},
        overrides={6: (Override(6, 60, Mode.EMERGENCY, "drill"),)},
    ).run(100)
    mode = LAWS[law]
    assert run.steps == ([] if mode == Mode.NORMAL else run.steps[:1])
    assert run.now.mode == mode
    assert run.now.admit == (1.0, 1.0, 1.0)
    assert run.now.mix == tuple(float(each == mode) for each in Mode)


def test_it_has_nothing_to_remember() -> None:
    """And is restored from that."""
    policy = make_policy(law="none")
    run = Loop(Controller(policy)).run(3)
    state = run.controller.state()
    assert state["memory"] == {}
    assert Controller.restore(policy, state).step(run.observed[0]._replace(tick=3)).mode == 0
