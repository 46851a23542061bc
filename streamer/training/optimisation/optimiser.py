"""Muon for the hidden matrices, AdamW for everything else.

Muon (Jordan et al., 2024) replaces the momentum of a matrix by the nearest matrix with equal
singular values, so that rare directions are learned as fast as common ones. With this recipe
it needs clearly fewer steps than AdamW alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from streamer.training.network.number_formats import matmul_dtype
from streamer.training.optimisation.workers import ALONE, Workers

#: Coefficients of the Newton-Schulz iteration (Jordan et al.): singular values end near 1.
_A, _B, _C = 3.4445, -4.7750, 2.0315
_ITERATIONS = 5


def orthogonalise(matrices: Tensor) -> Tensor:
    """Return matrices with the same singular vectors and singular values of about 1.

    Args:
        matrices: (count, rows, columns).
    """
    x = matrices.to(matmul_dtype(matrices.device.type))
    tall = x.shape[1] > x.shape[2]
    if tall:
        x = x.transpose(1, 2)
    x = x / (x.float().flatten(1).norm(dim=1)[:, None, None] + 1e-7).to(x.dtype)
    for _ in range(_ITERATIONS):
        gram = x @ x.transpose(1, 2)
        x = _A * x + (_B * gram + _C * (gram @ gram)) @ x
    return (x.transpose(1, 2) if tall else x).to(matrices.dtype)


class Muon(torch.optim.Optimizer):
    """Orthogonalised Nesterov momentum.

    Args:
        matrices: each parameter, and the number of matrices stacked in it.
        lr: learning rate, the singular values of an update.
        momentum: decay of the momentum.
        weight_decay: decoupled, times the learning rate.
        workers: processes that share the work, each with some of the matrices.
    """

    def __init__(
        self,
        matrices: Iterable[tuple[nn.Parameter, int]],
        lr: float = 0.02,
        momentum: float = 0.95,
        weight_decay: float = 0.0,
        workers: Workers = ALONE,
    ) -> None:
        self._workers = workers
        groups = [{"params": [parameter], "stacked": count} for parameter, count in matrices]
        super().__init__(groups, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """Take one step."""
        updates = []
        taken = [g for g in self.param_groups if g["params"][0].grad is not None]
        for number, group in enumerate(taken):
            parameter = group["params"][0]
            state = self.state[parameter]
            if "momentum" not in state:
                state["momentum"] = torch.zeros_like(parameter)
            buffer = state["momentum"]
            buffer.lerp_(parameter.grad, 1 - group["momentum"])
            update = parameter.grad.lerp(buffer, group["momentum"])
            if number % self._workers.count == self._workers.rank:
                rows = parameter.shape[0] // group["stacked"]
                stacked = update.view(group["stacked"], rows, parameter.shape[1])
                factor = max(1.0, rows / parameter.shape[1]) ** 0.5
                update = factor * orthogonalise(stacked).view_as(parameter)
            else:
                update = torch.zeros_like(update)
            updates.append(update)
        for group, update in zip(taken, self._workers.add_up(updates)):
            parameter = group["params"][0]
            parameter.mul_(1 - group["lr"] * group["weight_decay"])
            parameter.add_(update, alpha=-group["lr"])


class Optimisers:
    """Muon and AdamW as one optimiser.

    Args:
        network: its matrices are for Muon, the rest for AdamW.
        matrices: see `Muon`.
        muon_lr: learning rate of Muon; 0: AdamW for all.
        adam_lr: learning rate of AdamW.
        weight_decay: of both.
        workers: see `Muon`.
    """

    def __init__(
        self,
        network: nn.Module,
        matrices: list[tuple[nn.Parameter, int]],
        muon_lr: float,
        adam_lr: float,
        weight_decay: float,
        workers: Workers = ALONE,
    ) -> None:
        taken = {id(parameter) for parameter, _ in matrices} if muon_lr else set()
        rest = [p for p in network.parameters() if id(p) not in taken]
        decayed = [p for p in rest if p.ndim > 1]
        plain = [p for p in rest if p.ndim <= 1]
        self._all: list[torch.optim.Optimizer] = [
            torch.optim.AdamW(
                [
                    {"params": decayed, "weight_decay": weight_decay},
                    {"params": plain, "weight_decay": 0.0},
                ],
                lr=adam_lr,
                betas=(0.9, 0.98),
            )
        ]
        self._rates = [adam_lr]
        if muon_lr:
            muon = Muon(matrices, muon_lr, weight_decay=weight_decay, workers=workers)
            self._all.append(muon)
            self._rates.append(muon_lr)

    def step(self, factor: float) -> None:
        """Take one step at ``factor`` times the learning rates, and clear the gradients."""
        for optimiser, rate in zip(self._all, self._rates):
            for group in optimiser.param_groups:
                group["lr"] = rate * factor
            optimiser.step()
            optimiser.zero_grad(set_to_none=True)

    def state_dict(self) -> dict[str, Any]:
        """Return the state for `load_state_dict`."""
        return {"optimisers": [optimiser.state_dict() for optimiser in self._all]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore the state of `state_dict`."""
        for optimiser, saved in zip(self._all, state["optimisers"]):
            optimiser.load_state_dict(saved)
