"""PyTorch: the same networks, initial distributions, batches and optimizer."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import nn
from torch.func import functional_call, grad_and_value, vmap

from benchmarks.speed.arms import Job, Trained

GROUPS = 4
EPSILON = 1e-6
"""Added to the variance of a normalization, as in Flax; 1e-5 is the default here."""
TRUNCATED = 0.87962566
"""SD of a standard normal variable cut off at ±2."""
LANES = {"cpu": 64, "gpu": 4096}
"""Runs that torch.func stacks at a time."""


class Residual(nn.Module):
    """Two 3×3 convolutions with group normalization around a shortcut."""

    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        stride = 1 if inputs == outputs else 2
        self.body = nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False),
            nn.GroupNorm(GROUPS, outputs, EPSILON),
            nn.ReLU(),
            nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False),
            nn.GroupNorm(GROUPS, outputs, EPSILON),
        )
        self.shortcut: nn.Module = nn.Identity()
        if inputs != outputs:
            self.shortcut = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.GroupNorm(GROUPS, outputs, EPSILON)
            )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[B, C, H, W] to [B, C', H', W']."""
        return torch.relu(self.body(x) + self.shortcut(x))


class Mean(nn.Module):
    """Mean over the positions of an image."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[B, C, H, W] to [B, C]."""
        return x.mean((2, 3))


def network(model: str, hidden: list[int], inputs: int, classes: int) -> nn.Module:
    """The network of a task; channels come first here."""
    layers: list[nn.Module] = []
    if model == "mlp":
        for a, b in zip([inputs, *hidden[:-1]], hidden, strict=True):
            layers += [nn.Linear(a, b), nn.ReLU()]
        layers.append(nn.Linear(hidden[-1], classes))
    elif model == "mnist1d-cnn":
        channels, length = hidden[0], inputs
        for i, window in enumerate((5, 3, 3)):
            layers += [nn.Conv1d(channels if i else 1, channels, window, 2, 1), nn.ReLU()]
            length = (length + 2 - window) // 2 + 1
        layers += [nn.Flatten(), nn.Linear(length * channels, classes)]
    elif model == "cnn":
        for i, (a, b) in enumerate(zip([3, *hidden[:-1]], hidden, strict=True)):
            layers += [nn.Conv2d(a, b, 3, 1, 1), nn.ReLU(), *([nn.AvgPool2d(2)] if i + 1 < len(hidden) else [])]
        layers += [Mean(), nn.Linear(hidden[-1], classes)]
    elif model == "resnet":
        layers += [nn.Conv2d(3, hidden[0], 3, 1, 1, bias=False), nn.GroupNorm(GROUPS, hidden[0], EPSILON), nn.ReLU()]
        layers += [Residual(a, b) for a, b in zip([hidden[0], *hidden[:-1]], hidden, strict=True)]
        layers += [Mean(), nn.Linear(hidden[-1], classes)]
    else:
        raise ValueError(f"there is no {model} for PyTorch here")
    return nn.Sequential(*layers)


def initialized(model: nn.Module) -> nn.Module:
    """Kernels drawn with variance 1 / fan-in, biases zero: as in Flax."""
    for module in model.modules():
        if isinstance(module, nn.Linear | nn.Conv1d | nn.Conv2d):
            scale = module.weight[0].numel() ** -0.5 / TRUNCATED
            nn.init.trunc_normal_(module.weight, std=scale, a=-2.0 * scale, b=2.0 * scale)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    return model


class _Setting:
    """Data on the device and what all arms share."""

    def __init__(self, job: Job):
        torch.set_num_threads(job.threads)
        torch.backends.cuda.matmul.allow_tf32 = True
        torch.backends.cudnn.allow_tf32 = True
        self.task, self.job = job.task, job
        self.device = torch.device("cuda" if job.platform == "gpu" else "cpu")
        x_train, y_train, x_test, y_test = job.data()
        self.x, self.x_test = (self._placed(x) for x in (x_train, x_test))
        self.y, self.y_test = (torch.as_tensor(y.astype(np.int64), device=self.device) for y in (y_train, y_test))
        self.dtype = torch.bfloat16 if self.task["precision"] == "bfloat16" else None

    def _placed(self, x: np.ndarray) -> torch.Tensor:
        if self.task["model"] == "mlp":
            x = x.reshape(len(x), -1)
        elif self.task["model"] == "mnist1d-cnn":
            x = x.reshape(len(x), 1, -1)
        else:
            x = np.ascontiguousarray(np.moveaxis(x, -1, 1))
        return torch.as_tensor(x, device=self.device)

    def network(self, seed: int) -> nn.Module:
        torch.manual_seed(seed)
        inputs = int(np.prod(self.x.shape[1:]))
        return initialized(network(self.task["model"], self.task["hidden"], inputs, 10)).to(self.device)

    def batches(self, seed: int) -> Iterator[torch.Tensor]:
        """Rows of each step: a new permutation every epoch."""
        generator = torch.Generator(device=self.device).manual_seed(seed)
        size, n, step = self.task["batch_size"], len(self.y), 0
        while True:
            order = torch.randperm(n, generator=generator, device=self.device)
            for start in range(0, n - size + 1, size):
                if step == self.task["steps"]:
                    return
                step += 1
                yield order[start : start + size]

    def computed(self) -> torch.autocast:
        return torch.autocast(self.device.type, dtype=self.dtype or torch.bfloat16, enabled=self.dtype is not None)

    def finish(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize()

    def accuracy(self, model: nn.Module) -> float:
        with torch.no_grad(), self.computed():
            return float((model(self.x_test).argmax(-1) == self.y_test).float().mean())


def loop(job: Job, *, last: bool = False, compile_it: bool = False) -> Callable[[], list[Trained]]:
    """One run after another, with the fused Adam."""
    setting = _Setting(job)
    if last:
        setting.x, setting.x_test = (
            x.contiguous(memory_format=torch.channels_last) for x in (setting.x, setting.x_test)
        )
    # One compiled function whose weights are replaced: a network per run would compile once per run.
    shared = setting.network(0)
    if last:
        shared = shared.to(memory_format=torch.channels_last)

    def loss_of(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        with setting.computed():
            logits = shared(x)
        return nn.functional.cross_entropy(logits.float(), y)

    step_loss = torch.compile(loss_of) if compile_it else loss_of

    def train() -> list[Trained]:
        told = []
        for seed in range(job.first, job.first + job.runs):
            first = setting.network(seed)
            shared.load_state_dict(first.state_dict())
            optimizer = torch.optim.Adam(shared.parameters(), lr=setting.task["lr"], fused=True)
            for rows in setting.batches(seed):
                optimizer.zero_grad(set_to_none=True)
                step_loss(setting.x[rows], setting.y[rows]).backward()
                optimizer.step()
            distance = _distances(list(shared.parameters()), list(first.parameters()), apart=0)
            told.append(Trained(setting.accuracy(shared), float(distance)))
        setting.finish()
        return told

    return train


def compiled(job: Job) -> Callable[[], list[Trained]]:
    """The same with forward and backward pass compiled."""
    return loop(job, compile_it=True)


def channels_last(job: Job) -> Callable[[], list[Trained]]:
    """The same with channels last in memory."""
    return loop(job, last=True)


def stacked(job: Job) -> Callable[[], list[Trained]]:
    """Many runs at a time as `vmap` of the gradient over stacked weights; Adam sees the stack."""
    setting = _Setting(job)
    most, task = min(job.runs, LANES[job.platform]), setting.task
    base = setting.network(0).to("meta")

    def logits_of(weights: dict[str, torch.Tensor], x: torch.Tensor) -> torch.Tensor:
        with setting.computed():
            return functional_call(base, weights, (x,)).float()

    def loss_of(weights: dict[str, torch.Tensor], x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return nn.functional.cross_entropy(logits_of(weights, x), y)

    gradient = vmap(grad_and_value(loss_of))

    def train() -> list[Trained]:
        told: list[Trained] = []
        for first in range(job.first, job.first + job.runs, most):
            lanes = min(most, job.first + job.runs - first)
            torch.manual_seed(first)
            weights = {name: _stack(name, one, lanes, setting.device) for name, one in base.named_parameters()}
            begun = [weight.detach().clone() for weight in weights.values()]
            optimizer = torch.optim.Adam(list(weights.values()), lr=task["lr"], fused=True)
            for rows in _stacked_batches(setting, lanes):
                found, _ = gradient(weights, setting.x[rows], setting.y[rows])
                for name, weight in weights.items():
                    weight.grad = found[name]
                optimizer.step()
            with torch.no_grad():
                said = vmap(logits_of, in_dims=(0, None))(weights, setting.x_test).argmax(-1)
                accuracies = (said == setting.y_test).float().mean(1).tolist()
            distances = _distances(list(weights.values()), begun, apart=1).tolist()
            told += map(Trained, accuracies, distances)
        setting.finish()
        return told

    return train


@torch.no_grad()
def _distances(weights: list[torch.Tensor], first: list[torch.Tensor], *, apart: int) -> torch.Tensor:
    """‖w − w_0‖₂ over all parameters, a number for each place along so many first axes."""
    each = [(a - b).square().flatten(apart).sum(-1) for a, b in zip(weights, first, strict=True)]
    return torch.stack(each).sum(0).sqrt()


def _stack(name: str, one: torch.Tensor, lanes: int, device: torch.device) -> torch.Tensor:
    """The first weights of all lanes, drawn in one go."""
    stack = torch.empty(lanes, *one.shape, device=device)
    if one.ndim > 1:
        scale = one[0].numel() ** -0.5
        nn.init.trunc_normal_(stack, std=scale / TRUNCATED, a=-2.0 * scale / TRUNCATED, b=2.0 * scale / TRUNCATED)
    else:
        # Scales of a normalization are called weight, and what else has one axis is a bias.
        stack.fill_(1.0 if name.endswith("weight") else 0.0)
    return stack.requires_grad_()


def _stacked_batches(setting: _Setting, lanes: int) -> Iterator[torch.Tensor]:
    """Rows [lanes, B] of each step, every lane in an order of its own."""
    size, n, step = setting.task["batch_size"], len(setting.y), 0
    while True:
        order = torch.rand(lanes, n, device=setting.device).argsort(1)
        for start in range(0, n - size + 1, size):
            if step == setting.task["steps"]:
                return
            step += 1
            yield order[:, start : start + size]
