"""Trains a small network to tell three spirals apart, and goes on from its checkpoint when it is started again.

Whatever ends it, the weights at the end are those of an unbroken run, bit by bit: the checkpoint holds all that the
next epoch depends on, weights, momentum and the state of the random numbers, and is replaced in one step.
"""

from __future__ import annotations

import argparse
import hashlib
import itertools
import json
import os
import signal
import sys
from pathlib import Path

import numpy as np

CLASSES, POINTS, HIDDEN, BATCH, RATE, MOMENTUM = 3, 1500, 96, 50, 0.05, 0.9
STOPPED = 128 + signal.SIGTERM


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--epochs", type=int, default=1000)
    parser.add_argument("--save-every", type=int, default=100)
    asked = parser.parse_args()

    stop = False

    def told_to_stop(*_: object) -> None:
        nonlocal stop
        stop = True

    # A process with id 1, as in a container, isn't ended by a signal that it doesn't handle.
    signal.signal(signal.SIGTERM, told_to_stop)

    points, classes = spirals(np.random.default_rng(1))
    random = np.random.default_rng(2)
    weights = fresh(random)
    momentum = {name: np.zeros_like(each) for name, each in weights.items()}
    epoch = load(asked.checkpoint, weights, momentum, random)
    print(f"resumes after epoch {epoch}" if epoch else "begins", flush=True)
    while epoch < asked.epochs:
        order = random.permutation(len(points))
        for batch in np.array_split(order, len(points) // BATCH):
            learn(points[batch], classes[batch], weights, momentum)
        epoch += 1
        if stop or epoch % asked.save_every == 0 or epoch == asked.epochs:
            save(asked.checkpoint, epoch, weights, momentum, random)
            print(f"epoch {epoch} of {asked.epochs} is saved", flush=True)
        if stop and epoch < asked.epochs:
            sys.exit(STOPPED)
    right = np.mean(forward(points, weights)[-1].argmax(axis=1) == classes)
    print(f"accuracy {right:.3f}, weights {digest(weights)}", flush=True)


def spirals(random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Points [POINTS × CLASSES, 2] and the spiral that each is on."""
    classes = np.repeat(np.arange(CLASSES), POINTS)
    radius = np.tile(np.linspace(0.05, 1, POINTS), CLASSES)
    angle = classes * 2 * np.pi / CLASSES + 4 * radius + random.normal(scale=0.1, size=len(classes))
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1), classes


def fresh(random: np.random.Generator) -> dict[str, np.ndarray]:
    sizes = [2, HIDDEN, HIDDEN, CLASSES]
    made: dict[str, np.ndarray] = {}
    for layer, (inputs, outputs) in enumerate(itertools.pairwise(sizes)):
        made[f"w{layer}"] = random.normal(scale=np.sqrt(2 / inputs), size=(inputs, outputs))
        made[f"b{layer}"] = np.zeros(outputs)
    return made


def forward(points: np.ndarray, weights: dict[str, np.ndarray]) -> list[np.ndarray]:
    """What each layer gives, the points themselves first."""
    layers = [points]
    for layer in range(3):
        out = layers[-1] @ weights[f"w{layer}"] + weights[f"b{layer}"]
        layers.append(np.maximum(out, 0) if layer < 2 else out)
    return layers


def learn(
    points: np.ndarray, classes: np.ndarray, weights: dict[str, np.ndarray], momentum: dict[str, np.ndarray]
) -> None:
    """One step of gradient descent on the cross entropy of a batch."""
    layers = forward(points, weights)
    scores = np.exp(layers[-1] - layers[-1].max(axis=1, keepdims=True))
    slope = scores / scores.sum(axis=1, keepdims=True)
    slope[np.arange(len(classes)), classes] -= 1
    slope /= len(classes)
    for layer in (2, 1, 0):
        found = {f"w{layer}": layers[layer].T @ slope, f"b{layer}": slope.sum(axis=0)}
        slope = (slope @ weights[f"w{layer}"].T) * (layers[layer] > 0)
        for name, gradient in found.items():
            momentum[name][:] = MOMENTUM * momentum[name] - RATE * gradient
            weights[name] += momentum[name]


def save(
    path: Path,
    epoch: int,
    weights: dict[str, np.ndarray],
    momentum: dict[str, np.ndarray],
    random: np.random.Generator,
) -> None:
    """Replaces the checkpoint: whoever is killed in the middle leaves the one of before."""
    partial = path.with_suffix(".partial")
    with partial.open("wb") as file:
        state = np.array(json.dumps({"epoch": epoch, "random": random.bit_generator.state}))
        moving = {f"momentum-{name}": each for name, each in momentum.items()}
        np.savez(file, state=state, **weights, **moving)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def load(
    path: Path, weights: dict[str, np.ndarray], momentum: dict[str, np.ndarray], random: np.random.Generator
) -> int:
    """Takes over what was saved and returns the last epoch; 0 if nothing was."""
    if not path.exists():
        return 0
    with np.load(path) as saved:
        state = json.loads(str(saved["state"]))
        for name in weights:
            weights[name][:] = saved[name]
            momentum[name][:] = saved[f"momentum-{name}"]
    random.bit_generator.state = state["random"]
    return int(state["epoch"])


def digest(weights: dict[str, np.ndarray]) -> str:
    return hashlib.sha256(b"".join(weights[name].tobytes() for name in sorted(weights))).hexdigest()


if __name__ == "__main__":
    main()
