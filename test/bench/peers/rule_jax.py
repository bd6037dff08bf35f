"""The performance of forward windows for evolution strategies in JAX: what a careful user of a tensor library would get.

    python test/bench/peers/rule_jax.py --particles 32 --unroll 20

A window is K inner steps of antithetic particles, each with its own φ, on 64-32-10 networks with minibatches of 64, by the
perceptron of rule `general` (worker/architectures/README.md): one jitted lax.scan over the steps, vmapped over the particles,
float32. Prints one JSON line. One coordinate-step is one inner step of one coordinate of one particle.
"""

import argparse
import json
import statistics
import sys
import time

PIXELS, HIDDEN, CLASSES, BATCH = 64, 32, 10, 64
UNITS = 8
DECAYS = (0.9, 0.99, 0.999)
SQUARE_DECAY, EPSILON, TINY, STEP = 0.95, 1e-8, 1e-30, 0.1
HORIZON = 1000
WARM_UP = 2


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--particles", type=int, default=32, help="two for each problem")
    parser.add_argument("--unroll", type=int, default=20, help="K, inner steps in a window")
    parser.add_argument("--repeat", type=int, default=10, help="windows to time; the median is printed")
    return parser.parse_args()


arguments = parse_arguments()
try:
    import jax
except ImportError:
    print("Cannot measure the JAX peer: the Python package jax is not installed (pip install jax).", file=sys.stderr)
    sys.exit(3)

import jax.numpy as jnp
import numpy as np


def loss(theta, batch):
    """Mean cross-entropy of one particle's 64-32-10 ReLU network on a minibatch."""
    images, labels = batch
    hidden = jax.nn.relu(images @ theta[0] + theta[1])
    log_probabilities = jax.nn.log_softmax(hidden @ theta[2] + theta[3])
    return -jnp.mean(jnp.take_along_axis(log_probabilities, labels[:, None], axis=1))


def size(values):
    return jnp.sqrt(jnp.mean(values * values) + TINY)


def normalised(values):
    return values / size(values)


def begin(theta):
    zeros = jnp.zeros((3, *theta.shape))
    scale = size(theta) if theta.ndim == 2 else jnp.maximum(size(theta), 0.1)
    state = {"means": zeros, "square": jnp.zeros_like(theta), "scale": scale}
    if theta.ndim == 2:
        state |= {"rows": jnp.zeros((3, theta.shape[0])), "columns": jnp.zeros((3, theta.shape[1]))}
    return state


def step(phi, state, theta, gradient, t):
    """One tensor's update and next state: the features of `general`, each over its root mean square, into the network."""
    decays = jnp.array(DECAYS).reshape(3, *[1] * theta.ndim)
    count = t + 1
    means = decays * state["means"] + (1 - decays) * gradient
    square = SQUARE_DECAY * state["square"] + (1 - SQUARE_DECAY) * gradient**2
    state = state | {"means": means, "square": square}
    means = means / (1 - decays**count)
    square = square / (1 - SQUARE_DECAY**count)
    root = jax.lax.rsqrt(square + EPSILON * jnp.mean(square) + TINY)
    limit = size(gradient)
    features = [gradient, jnp.clip(gradient, -limit, limit), theta, *means, square / (jnp.mean(square) + TINY)]
    features += [*(means * root), root, gradient * root]
    if theta.ndim == 2:
        short = jnp.array(DECAYS)[:, None]
        rows = short * state["rows"] + (1 - short) * jnp.mean(gradient**2, axis=1)
        columns = short * state["columns"] + (1 - short) * jnp.mean(gradient**2, axis=0)
        state = state | {"rows": rows, "columns": columns}
        rows, columns = rows / (1 - short**count), columns / (1 - short**count)
        upright = theta.shape[0] <= theta.shape[1]
        own, other = (rows, columns) if upright else (columns, rows)
        own_mean, other_mean = (jnp.mean(side, axis=1, keepdims=True) for side in (own, other))
        own_factor = jax.lax.rsqrt(own / (own_mean + TINY) + EPSILON)
        other_factor = jax.lax.rsqrt(other + EPSILON * other_mean + TINY)

        def spread(side, is_own):
            grid = side[:, :, None] if is_own == upright else side[:, None, :]
            return jnp.broadcast_to(grid, (3, *theta.shape))

        factor = spread(own_factor, True) * spread(other_factor, False)
        features += [*(gradient * factor), *(means * factor)]
        features += [*spread(own / (own_mean + TINY), True), *spread(other / (other_mean + TINY), False)]
        features += [*spread(jax.lax.rsqrt(own + EPSILON * own_mean + TINY), True)]
        features += [*spread(jax.lax.rsqrt(other + EPSILON * other_mean + TINY), False)]
    else:
        features += [jnp.zeros_like(theta)] * 18
    inputs = jnp.stack([normalised(feature).reshape(-1) for feature in features], axis=1)
    passed = t / HORIZON
    noise = [0.5 * jnp.log(size(mean) / size(gradient) + 1e-6) for mean in means]
    growth = 0.5 * jnp.log(jnp.maximum(size(theta) / state["scale"], 1e-3))
    of_time = [passed, passed**2, jnp.exp(-10 * passed), 0.3 * np.log(HORIZON) - 1.5, 1.0, 0.2 * jnp.log(count) - 1]
    scalars = jnp.stack([*noise, *of_time, float(theta.ndim == 2), growth])
    # what all coordinates share is multiplied once
    (w1, b1), (w2, b2), (w3, b3) = phi
    values = jax.nn.relu(inputs @ w1[: len(features)] + (b1 + scalars @ w1[len(features) :]))
    values = jax.nn.relu(values @ w2 + b2) @ w3 + b3
    direction, magnitude = values[:, 0].reshape(theta.shape), values[:, 1].reshape(theta.shape)
    schedule = 0.5 * (1 + jnp.cos(jnp.pi * passed))
    factor = STEP * state["scale"] * schedule * jnp.exp(jnp.clip(magnitude, -7, 5))
    return -factor * (normalised(means[0] * root) + direction), state


value_and_gradient = jax.value_and_grad(loss)


def window(phi, theta, states, gradient, batches):
    """K steps of one particle: Σ_t f_t(θ_t), and what the next window starts from."""

    def one(carry, scanned):
        theta, states, gradient = carry
        t, batch = scanned
        moved = [step(phi, state, each, slope, t) for state, each, slope in zip(states, theta, gradient)]
        theta = [each + update for each, (update, _) in zip(theta, moved)]
        value, gradient = value_and_gradient(theta, batch)
        return (theta, [state for _, state in moved], gradient), value

    times = jnp.arange(arguments.unroll, dtype=jnp.float32)
    carry, values = jax.lax.scan(one, (theta, states, gradient), (times, batches))
    return jnp.sum(values), carry


def main():
    random = np.random.default_rng(0)
    count = arguments.particles
    pairs = count // 2

    def paired(values):
        """The same for both particles of a pair."""
        return jnp.asarray(np.repeat(values, 2, axis=0))

    def normal(*shape, deviation=1.0):
        return (deviation * random.normal(size=shape)).astype(np.float32)

    inputs = 41
    shapes = [(inputs, UNITS), (UNITS, UNITS), (UNITS, 2)]
    phi = [
        (normal(count, *shape, deviation=shape[0] ** -0.5), normal(count, shape[1], deviation=0.01)) for shape in shapes
    ]
    theta = [
        paired(normal(pairs, PIXELS, HIDDEN, deviation=PIXELS**-0.5)),
        paired(np.zeros((pairs, HIDDEN), np.float32)),
        paired(normal(pairs, HIDDEN, CLASSES, deviation=HIDDEN**-0.5)),
        paired(np.zeros((pairs, CLASSES), np.float32)),
    ]
    images = np.abs(normal(pairs, arguments.unroll, BATCH, PIXELS))
    labels = random.integers(CLASSES, size=(pairs, arguments.unroll, BATCH)).astype(np.int32)
    batches = (paired(images), paired(labels))
    states = [jax.vmap(begin)(each) for each in theta]
    first = tuple(each[:, 0] for each in batches)
    gradient = jax.jit(jax.vmap(jax.grad(loss)))(theta, first)
    run = jax.jit(jax.vmap(window))
    seconds = []
    for repetition in range(WARM_UP + arguments.repeat):
        start = time.perf_counter()
        jax.block_until_ready(run(phi, theta, states, gradient, batches))
        if repetition >= WARM_UP:
            seconds.append(time.perf_counter() - start)
    coordinates = sum(each[0].size for each in theta)
    median = statistics.median(seconds)
    result = {
        "coordinates": coordinates,
        "particles": count,
        "unroll": arguments.unroll,
        "seconds_per_window": median,
        "coordinate_steps_per_second": coordinates * count * arguments.unroll / median,
        "jax": jax.__version__,
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
