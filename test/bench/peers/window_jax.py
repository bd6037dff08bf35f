"""The performance of one window in JAX: what a careful user of a tensor library would get.

    python test/bench/peers/window_jax.py --problem quadratic --problems 128 --unroll 20

A window is K inner steps of P problems and the meta-gradient of Σ_t f_t(θ_t): one jitted value_and_grad over lax.scan,
float32, one optimizee gradient a step; second derivatives are dropped, or, with --second-derivatives, the optimizees are
differentiated through as well. Prints one JSON line. One coordinate-step is one inner
step of one coordinate, forward and backward. The backward pass tapes every activation: about 1.5 kB a coordinate-step.
"""

import argparse
import json
import os
import statistics
import sys
import time

P = 10.0
OUTPUT_SCALE = 0.1
BATCH = 128
PIXELS, HIDDEN, CLASSES = 784, 20, 10
QUADRATIC_SIZE = 10
WARM_UP = 2


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--problem", choices=["quadratic", "mlp"], default="quadratic")
    parser.add_argument("--problems", type=int, default=128, help="P, problems that advance together")
    parser.add_argument("--unroll", type=int, default=20, help="K, inner steps in a window")
    parser.add_argument("--second-derivatives", action="store_true", help="differentiate through the optimizees")
    parser.add_argument("--layers", default="20,20", help="LSTM units of each layer")
    parser.add_argument("--repeat", type=int, default=10, help="windows to time; the median is printed")
    parser.add_argument("--threads", type=int, default=0, help="processors to use, 0 for all")
    return parser.parse_args()


def limit_threads(threads):
    """XLA makes its thread pool as large as the process's affinity mask, so this comes before JAX is imported."""
    if threads > 0:
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])


arguments = parse_arguments()
limit_threads(arguments.threads)
try:
    import jax
except ImportError:
    print("Cannot measure the JAX peer: the Python package jax is not installed (pip install jax).", file=sys.stderr)
    sys.exit(3)

import jax.numpy as jnp
import numpy as np


def quadratic_loss(theta, batch):
    """f(θ) = ‖Wθ − y‖² of every problem, summed; θ is [P, 10]."""
    matrices, targets = batch
    return jnp.sum((jnp.einsum("pij,pj->pi", matrices, theta) - targets) ** 2)


def mlp_loss(theta, batch):
    """Mean cross-entropy of a 784-20-10 sigmoid network on a minibatch, summed over problems; θ is [P, 15 910]."""
    images, labels = batch
    sizes = np.cumsum([PIXELS * HIDDEN, HIDDEN, HIDDEN * CLASSES])
    weights1, bias1, weights2, bias2 = jnp.split(theta, sizes, axis=1)
    weights1 = weights1.reshape(-1, PIXELS, HIDDEN)
    weights2 = weights2.reshape(-1, HIDDEN, CLASSES)
    hidden = jax.nn.sigmoid(images @ weights1 + bias1[:, None])
    log_probabilities = jax.nn.log_softmax(hidden @ weights2 + bias2[:, None])
    chosen = jnp.take_along_axis(log_probabilities, labels[:, :, None], axis=2)
    return -jnp.sum(jnp.mean(chosen, axis=(1, 2)))


def draw_problem(random, problem, count, unroll):
    """θ_0 [P, d], the loss, and its data for every step: a scanned-over pytree, or None, and a constant one."""
    if problem == "quadratic":
        matrices = random.normal(size=(count, QUADRATIC_SIZE, QUADRATIC_SIZE))
        targets = random.normal(size=(count, QUADRATIC_SIZE))
        constant = (jnp.float32(matrices), jnp.float32(targets))
        return jnp.zeros((count, QUADRATIC_SIZE), jnp.float32), quadratic_loss, None, constant
    shape = (unroll, count, BATCH, PIXELS)
    images = np.where(random.uniform(size=shape) < 0.19, random.uniform(size=shape), 0)  # MNIST: 19 % are not zero
    labels = random.integers(CLASSES, size=shape[:3])
    coordinates = PIXELS * HIDDEN + HIDDEN + HIDDEN * CLASSES + CLASSES
    theta = jnp.float32(0.01 * random.normal(size=(count, coordinates)))
    return theta, mlp_loss, (jnp.float32(images), jnp.int32(labels)), None


def draw_phi(random, layers):
    """The network's parameters: [(W, b)] by layer, w and b_out."""
    cells = []
    inputs = 2
    for units in layers:
        weights = random.normal(size=(inputs + units, 4 * units)) / np.sqrt(inputs + units)
        cells.append((jnp.float32(weights), jnp.zeros(4 * units, jnp.float32)))
        inputs = units
    return cells, jnp.float32(random.normal(size=inputs) / np.sqrt(inputs)), jnp.float32(0)


def network(phi, state, gradient):
    """(g, h') = m(∇, h, φ) on [N] coordinates: LogAndSign, coordinate-wise LSTM, linear layer."""
    cells, output_weights, output_bias = phi
    magnitude = jnp.abs(gradient)
    large = magnitude >= np.exp(-P)
    first = jnp.where(large, jnp.log(jnp.maximum(magnitude, np.exp(-P))) / P, -1.0)
    second = jnp.where(large, jnp.sign(gradient), np.exp(P) * gradient)
    x = jnp.stack([first, second], axis=1)
    next_state = []
    for (weights, bias), (h, c) in zip(cells, state):
        z = jnp.concatenate([x, h], axis=1) @ weights + bias
        i, candidate, f, o = jnp.split(z, 4, axis=1)
        c = jax.nn.sigmoid(f + 1) * c + jax.nn.sigmoid(i) * jnp.tanh(candidate)
        x = jax.nn.sigmoid(o) * jnp.tanh(c)
        next_state.append((x, c))
    return OUTPUT_SCALE * (x @ output_weights + output_bias), next_state


def make_window(loss):
    """The jitted window: ((Σ_t f_t(θ_t), what the next window starts from), the meta-gradient)."""
    value_and_gradient = jax.value_and_grad(loss)

    def window(phi, theta, state, gradient, scanned, constant):
        def step(carry, batch):
            theta, state, gradient = carry
            g, state = network(phi, state, gradient.reshape(-1))
            theta = theta + g.reshape(theta.shape)
            if arguments.second_derivatives:
                value, gradient = value_and_gradient(theta, constant if batch is None else batch)
                return (theta, state, gradient), value
            # <∇_t, θ_t> with ∇_t held constant has the value_and_grad of f_t at θ_t, without a second pass through f_t
            frozen = jax.lax.stop_gradient(theta)
            value, gradient = value_and_gradient(frozen, constant if batch is None else batch)
            gradient = jax.lax.stop_gradient(gradient)
            score = jax.lax.stop_gradient(value) + jnp.sum(gradient * (theta - frozen))
            return (theta, state, gradient), score

        carry, scores = jax.lax.scan(step, (theta, state, gradient), scanned, length=arguments.unroll)
        return jnp.sum(scores), carry

    return jax.jit(jax.value_and_grad(window, has_aux=True))


def main():
    random = np.random.default_rng(0)
    layers = [int(units) for units in arguments.layers.split(",")]
    theta, loss, scanned, constant = draw_problem(random, arguments.problem, arguments.problems, arguments.unroll)
    coordinates = theta.size
    state = [(jnp.zeros((coordinates, units), jnp.float32),) * 2 for units in layers]
    first_batch = constant if scanned is None else jax.tree.map(lambda steps: steps[0], scanned)
    gradient = jax.jit(jax.grad(loss))(theta, first_batch)
    phi = draw_phi(random, layers)
    window = make_window(loss)
    seconds = []
    for repetition in range(WARM_UP + arguments.repeat):
        start = time.perf_counter()
        jax.block_until_ready(window(phi, theta, state, gradient, scanned, constant))
        if repetition >= WARM_UP:
            seconds.append(time.perf_counter() - start)
    median = statistics.median(seconds)
    result = {
        "problem": arguments.problem,
        "coordinates": coordinates,
        "unroll": arguments.unroll,
        "seconds_per_window": median,
        "coordinate_steps_per_second": coordinates * arguments.unroll / median,
        "jax": jax.__version__,
        "devices": [str(device) for device in jax.devices()],
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
