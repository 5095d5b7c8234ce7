"""Models, the objective, the optimizer and the schedule."""

from __future__ import annotations

import pytest
import torch

from codelsp.training.model import SHAPES, flops_per_token, n_parameters, new_model
from codelsp.training.objective import Learner, Objective
from codelsp.training.optimizer import Optimizer, OptimizerSettings
from codelsp.training.schedule import Schedule

END, PAD = 0, 4
OBJECTIVE = Objective(END, PAD, end_weight=3.0, z_weight=1e-2)


def tiny() -> torch.nn.Module:
    torch.manual_seed(1)
    model = new_model(SHAPES["tiny"], END, PAD)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.05)
    return model


def some_rows() -> torch.Tensor:
    rows = torch.randint(0, 512, (3, 65), generator=torch.Generator().manual_seed(1))
    rows[0, 40:] = PAD
    return rows


@pytest.mark.parametrize(
    ("size", "millions"),
    [("S", 8.39), ("M", 36.58), pytest.param("L", 63.59, marks=pytest.mark.slow)],
)
def test_sizes_have_the_parameters_of_the_plan(size: str, millions: float) -> None:
    with torch.device("meta"):
        model = new_model(SHAPES[size], END, PAD)

    assert n_parameters(model) / 1e6 == pytest.approx(millions, abs=0.005)


def test_operations_are_six_for_each_parameter_and_the_attention() -> None:
    model = new_model(SHAPES["tiny"], END, PAD)

    assert flops_per_token(model, 100) == 6 * n_parameters(model) + 12 * 2 * 64 * 50


@pytest.mark.filterwarnings("ignore:.*should not be instantiated:DeprecationWarning")  # torch's
def test_a_compiled_model_attends_without_a_mask_that_fast_kernels_cannot_take() -> None:
    learner = Learner(tiny(), OBJECTIVE)  # type: ignore[arg-type]  # a causal LM

    explained = torch._dynamo.explain(learner)(some_rows())

    calls = [
        node.kwargs
        for graph in explained.graphs
        for node in graph.graph.nodes
        if "scaled_dot_product_attention" in str(node.target)
    ]
    assert len(calls) == SHAPES["tiny"].layers
    assert all(call["attn_mask"] is None and call["is_causal"] for call in calls)


def test_loss_and_gradients_are_those_of_the_plain_formula() -> None:
    model, rows = tiny(), some_rows()
    targets = rows[:, 1:].reshape(-1)
    logits = model(input_ids=rows[:, :-1]).logits.flatten(0, 1)
    normalizer = logits.logsumexp(-1)
    nats = torch.nn.functional.cross_entropy(logits, targets, reduction="none")
    weights = (targets != PAD).float() + 2.0 * (targets == END)
    expected = (weights * (nats + 1e-2 * normalizer**2)).sum()
    expected.backward()
    gradients = {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}
    model.zero_grad()

    weighted, plain = Learner(model, OBJECTIVE)(rows)  # type: ignore[arg-type]  # a causal LM
    weighted.backward()

    assert weighted.item() == pytest.approx(expected.item(), rel=1e-6)
    assert plain.item() == pytest.approx(nats[targets != PAD].sum().item(), rel=1e-6)
    for name, parameter in model.named_parameters():
        torch.testing.assert_close(parameter.grad, gradients[name], rtol=1e-4, atol=1e-4)


def test_padding_costs_nothing() -> None:
    model = tiny()
    rows = torch.full((1, 65), PAD)
    weighted, nats = Learner(model, OBJECTIVE)(rows)  # type: ignore[arg-type]  # a causal LM

    assert weighted.item() == nats.item() == 0.0


def test_steps_after_a_restore_are_the_steps_without_it() -> None:
    def stepped(model: torch.nn.Module, optimizer: Optimizer, n: int) -> None:
        learner = Learner(model, OBJECTIVE)  # type: ignore[arg-type]  # a causal LM
        for _ in range(n):
            learner(some_rows())[0].backward()
            assert optimizer.step(0.5) is not None

    model = tiny()
    optimizer = Optimizer(model, OptimizerSettings())
    stepped(model, optimizer, 2)
    saved, state = {k: v.clone() for k, v in model.state_dict().items()}, optimizer.state()
    stepped(model, optimizer, 2)

    other = tiny()
    other.load_state_dict(saved)
    second = Optimizer(other, OptimizerSettings())
    second.restore(state)
    stepped(other, second, 2)

    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, other.state_dict()[name]), name


def test_gradients_that_are_not_finite_change_nothing() -> None:
    model = tiny()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    optimizer = Optimizer(model, OptimizerSettings())
    for parameter in model.parameters():
        parameter.grad = torch.full_like(parameter, float("nan"))

    assert optimizer.step(1.0) is None
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())


@pytest.mark.parametrize(
    ("done", "factor"),
    [(0, 0.01), (49, 0.5), (100, 1.0), (600, 1.0), (800, 0.525), (1000, 0.05), (2000, 0.05)],
)
def test_the_rate_warms_up_stays_and_decays(done: float, factor: float) -> None:
    assert Schedule(total=1000, warmup=100, decay=400).factor(done) == pytest.approx(factor)


def test_a_schedule_by_wall_clock_counts_seconds() -> None:
    schedule = Schedule(total=60, warmup=1, decay=30, unit="seconds")

    assert schedule.is_over(schedule.done(tokens=5, seconds=61, steps=1))
    assert not schedule.is_over(schedule.done(tokens=500, seconds=59, steps=90))
