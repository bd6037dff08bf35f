/** φ for PyTorch: a Python file with an optimizer that needs only PyTorch. */
import { type MlpConfig, scheduleOf } from '../../../shared/architectures/mlp.js';
import { featuresOf } from '../../../shared/architectures/mlp-features.js';
import { VERSION } from '../../../shared/config.js';
import { phiTensors } from '../../../shared/phi.js';
import { phiLiteral } from '../torch/phi-literal.js';
import { COEFFICIENTS, ITERATIONS } from './newton-schulz.js';
import {
  CELO2_CLIP,
  CELO2_VECTOR_RATE,
  changedDecay,
  LEAST_VECTOR_SCALE,
  MEAN_DECAYS,
  NO_SIZE,
  RULE_NUMBERS,
  TIMESCALES,
  TINY,
} from './numbers.js';

/** The Python source, which depends only on φ and its configuration. */
export function encodeTorch(config: MlpConfig, phi: Float32Array): string {
  const { rule } = config;
  const { squareDecay, largestGradient, invariant, epsilon, magnitude, step } = RULE_NUMBERS[rule];
  const changes = rule === 'small-fc' ? [...phi.subarray(0, 7)] : undefined;
  const decay = (own: number, index: number) => (changes ? changedDecay(own, changes[index]!) : own);
  const shapes = phiTensors(config)
    .slice(rule === 'small-fc' ? 3 : 0)
    .map(({ shape }) => `(${shape.join(', ')}${shape.length === 1 ? ',' : ''})`);
  return `${head}
RULE = "${rule}"
STEP = ${step * config.stepScale}
COSINE = ${scheduleOf(config) === 'cosine' ? 'True' : 'False'}
ORTHOGONALISE = ${config.orthogonalise ? 'True' : 'False'}
FEATURES = ${JSON.stringify(featuresOf(rule))}
MEAN_DECAYS = [${MEAN_DECAYS.map((own, k) => decay(own, k)).join(', ')}]
SQUARE_DECAY = ${decay(squareDecay, 3)}
FACTOR_DECAYS = [${MEAN_DECAYS.map((own, k) => decay(own, 4 + k)).join(', ')}]
# running means are divided by 1 - decay^t, and every epsilon is relative to the tensor
INVARIANT = ${invariant ? 'True' : 'False'}
LARGEST_GRADIENT = ${largestGradient}
ROOT_EPSILON, FACTOR_EPSILON, NORM_EPSILON = ${epsilon.root}, ${epsilon.factor}, ${epsilon.norm}
MAGNITUDE_FACTOR, MAGNITUDE_LOW, MAGNITUDE_HIGH = ${magnitude.factor}, ${magnitude.low}, ${magnitude.high}
TINY, NO_SIZE, LEAST_VECTOR_SCALE, CLIP = ${TINY}, ${NO_SIZE}, ${LEAST_VECTOR_SCALE}, ${CELO2_CLIP}
VECTOR_RATE = ${CELO2_VECTOR_RATE}
TIMESCALES = [${TIMESCALES.join(', ')}]
# of Newton-Schulz
ITERATIONS, (A, B, C) = ${ITERATIONS}, (${COEFFICIENTS.join(', ')})

# float32, little-endian; per layer the weights [inputs, outputs] and the biases
SHAPES = [${shapes.join(', ')}]
PHI = (
${phiLiteral(rule === 'small-fc' ? phi.slice(7) : phi)}
)
${body}`;
}

const head = `"""A learned optimizer for PyTorch, with its trained parameters in this file. Exported by lopt ${VERSION}.

    from phi import LearnedOptimizer  # whatever this file is called

    optimizer = LearnedOptimizer(model.parameters(), steps=1000)
    loss = ...
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()

A small perceptron reads features of every coordinate - its gradient, running means of it and of its square, the parameter
itself, each over its root mean square in the tensor - and gives the direction and the size of the coordinate's step (Metz et
al. 2022, arXiv 2203.11860). A parameter of two dimensions or more is a matrix whose rows are its first dimension. The
optimizer takes 16 bytes of memory a coordinate.
"""

import base64
import functools
import math

import torch
`;

const body = `

@functools.cache
def phi_tensors(device, dtype):
    """The tensors of phi on a device: weights and biases of each layer in turn."""
    phi = torch.frombuffer(bytearray(base64.b64decode(PHI)), dtype=torch.float32).to(device, dtype)
    sizes = [math.prod(shape) for shape in SHAPES]
    return [tensor.view(shape) for tensor, shape in zip(phi.split(sizes), SHAPES)]


def evaluate(values):
    """Direction and log magnitude for inputs [n, inputs]: [n] each."""
    layers = phi_tensors(values.device, values.dtype)
    for index in range(0, len(layers), 2):
        if index > 0:
            values = values.relu()
        values = torch.addmm(layers[index + 1], values, layers[index])
    return values.unbind(1)


def root_mean_square(values):
    return (values.square().mean() + TINY).sqrt()


def normalised(values, epsilon):
    return values / (values.square().mean() + max(epsilon, TINY)).sqrt()


def safe_root(values):
    return values.clamp(min=1e-9).rsqrt()


def orthogonal(values):
    """The nearest matrix with singular values near 1, by Newton-Schulz iterations."""
    tall = values.shape[0] > values.shape[1]
    x = values.t() if tall else values
    x = x / (x.norm() + 1e-8)
    for _ in range(ITERATIONS):
        gram = x @ x.t()
        x = A * x + (B * gram + C * gram @ gram) @ x
    return x.t() if tall else x


class LearnedOptimizer(torch.optim.Optimizer):
    """Adds lr times the learned step to every parameter that has a gradient.

    Parameters are float32 or float64, on any device. The optimizer was trained with an lr of 1. If it knows how many steps
    there will be, they become smaller towards the end.
    """

    def __init__(self, params, lr=1.0, steps=None):
        if not 0 <= lr < math.inf:
            raise ValueError(f"Cannot create LearnedOptimizer: lr must be a finite number of at least 0, got {lr}")
        if steps is not None and not steps >= 1:
            raise ValueError(f"Cannot create LearnedOptimizer: steps must be a number of at least 1, got {steps}")
        super().__init__(params, {"lr": lr, "steps": steps})

    @torch.no_grad()
    def step(self, closure=None):
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    parameter.add_(group["lr"] * self.update(parameter, group["steps"]))
        return loss

    def update(self, parameter, steps):
        """The learned step for a parameter's gradient, in the parameter's shape; advances the state."""
        if parameter.dtype not in (torch.float32, torch.float64) or parameter.grad.is_sparse:
            kind = f"{'sparse ' if parameter.grad.is_sparse else ''}{parameter.dtype}"
            raise TypeError(f"Cannot step: gradients must be dense, of float32 or float64, got {kind}")
        matrix = parameter.ndim >= 2
        shape = (parameter.shape[0], -1) if matrix else (1, -1)
        gradient = parameter.grad.reshape(shape).clamp(-LARGEST_GRADIENT, LARGEST_GRADIENT)
        theta = parameter.reshape(shape)
        state = self.state[parameter]
        if not state:
            begin(state, gradient, theta, matrix)
        t = state["step"]
        advance(state, gradient, matrix)
        state["step"] = t + 1
        rate = STEP * schedule(t, steps)
        return tensor_step(state, gradient, theta, matrix, t, steps, rate).view_as(parameter)


def begin(state, gradient, theta, matrix):
    rows, columns = gradient.shape
    state["step"] = 0
    state["means"] = gradient.new_zeros(3, rows, columns)
    state["square"] = torch.zeros_like(gradient)
    if matrix and RULE != "control":
        state["rows"] = gradient.new_zeros(3, rows)
        state["columns"] = gradient.new_zeros(3, columns)
    elif not matrix and RULE == "small-fc":
        state["squares"] = gradient.new_zeros(3, rows, columns)
    if INVARIANT:
        size = root_mean_square(theta)
        if matrix:
            state["scale"] = torch.where(size > NO_SIZE, size, torch.full_like(size, LEAST_VECTOR_SCALE))
        else:
            state["scale"] = size.clamp(min=LEAST_VECTOR_SCALE)


def advance(state, gradient, matrix):
    square = gradient.square()
    raised = square if INVARIANT else square + TINY
    for k, decay in enumerate(MEAN_DECAYS):
        state["means"][k].mul_(decay).add_((1 - decay) * gradient)
    state["square"].mul_(SQUARE_DECAY).add_((1 - SQUARE_DECAY) * square)
    for k, decay in enumerate(FACTOR_DECAYS):
        if "rows" in state:
            state["rows"][k].mul_(decay).add_((1 - decay) * raised.mean(1))
            state["columns"][k].mul_(decay).add_((1 - decay) * raised.mean(0))
        elif "squares" in state:
            state["squares"][k].mul_(decay).add_((1 - decay) * raised)


def schedule(t, steps):
    if not COSINE or steps is None:
        return 1.0
    return 0.5 * (1 + math.cos(math.pi * min(1, t / steps)))


def corrections(t):
    return [1 / (1 - decay ** (t + 1)) if INVARIANT else 1.0 for decay in MEAN_DECAYS]


def features(state, gradient, theta, t):
    """What the network reads of every coordinate, [rows, columns] each, by name."""
    correction = corrections(t)
    means = [state["means"][k] * correction[k] for k in range(3)]
    square = state["square"] / (1 - SQUARE_DECAY ** (t + 1)) if INVARIANT else state["square"]
    root = (square + (ROOT_EPSILON * square.mean() + TINY if INVARIANT else ROOT_EPSILON)).rsqrt()
    limit = root_mean_square(gradient) if INVARIANT else CLIP
    found = {
        "gradient": gradient,
        "clipped gradient": gradient.clamp(-limit, limit),
        "parameter": theta,
        "square": square / (square.mean() + TINY) if INVARIANT else square,
        "1 / root": root,
        "gradient / root": gradient * root,
    }
    for k, mean in enumerate(means):
        found[f"mean {k + 1}"] = mean
        found[f"mean {k + 1} / root"] = mean * root
    if "rows" in state:
        for k in range(3):
            add_factors(found, state, gradient, means[k], k, correction[k])
    elif "squares" in state:
        for k in range(3):
            values = state["squares"][k]
            found[f"factored gradient {k + 1}"] = gradient * safe_root(values + 1e-9)
            found[f"factored mean {k + 1}"] = means[k] * (values + 1e-6).rsqrt()
            for side in ("row", "column"):
                found[f"{side} {k + 1}"] = values
                found[f"1 / root {side} {k + 1}"] = (values + 1e-8).rsqrt()
    return found


def add_factors(found, state, gradient, mean, k, correction):
    """The factors of Adafactor; what is called a row is along the shorter side."""
    rows = state["rows"][k][:, None] * correction
    columns = state["columns"][k][None, :] * correction
    own, other = (rows, columns) if gradient.shape[0] <= gradient.shape[1] else (columns, rows)

    def small(values):
        return FACTOR_EPSILON * values.mean() + TINY if INVARIANT else FACTOR_EPSILON

    if INVARIANT:
        own_factor = (own / (own.mean() + TINY) + FACTOR_EPSILON).rsqrt()
        other_factor = (other + small(other)).rsqrt()
    else:
        own_factor, other_factor = safe_root(own / (own.mean() + 1e-9)), safe_root(other)
    factor = own_factor * other_factor
    found[f"factored gradient {k + 1}"] = gradient * factor
    found[f"factored mean {k + 1}"] = mean * factor
    for side, values in (("row", own), ("column", other)):
        unit = values.mean() + TINY if INVARIANT else 1
        found[f"{side} {k + 1}"] = (values / unit).expand_as(gradient)
        found[f"1 / root {side} {k + 1}"] = (values + small(values)).rsqrt().expand_as(gradient)


def scalars(state, gradient, theta, matrix, t, steps):
    """What the network reads of the tensor and of time."""
    if RULE == "celo2":
        return gradient.new_zeros(0)
    if RULE == "small-fc":
        return gradient.new_tensor([math.tanh(t / scale - 1) for scale in TIMESCALES])
    size = root_mean_square(gradient)
    noise = [
        0.5 * (root_mean_square(mean * factor) / size + 1e-6).log()
        for mean, factor in zip(state["means"], corrections(t))
    ]
    growth = 0.5 * (root_mean_square(theta) / state["scale"]).clamp(min=1e-3).log()
    passed = 0.0 if steps is None else t / steps
    of_time = [
        passed,
        passed * passed,
        0.0 if steps is None else math.exp(-10 * passed),
        0.0 if steps is None else 0.3 * math.log(steps) - 1.5,
        0.0 if steps is None else 1.0,
        0.2 * math.log(1 + t) - 1,
        1.0 if matrix else 0.0,
    ]
    return torch.cat([torch.stack(noise), gradient.new_tensor(of_time), growth.reshape(1)])


def tensor_step(state, gradient, theta, matrix, t, steps, rate):
    if RULE == "celo2" and not matrix:
        mean = state["means"][0] / (1 - MEAN_DECAYS[0] ** (t + 1))
        square = state["square"] / (1 - SQUARE_DECAY ** (t + 1))
        return -VECTOR_RATE * rate * mean / (square.sqrt() + 1e-8)
    found = features(state, gradient, theta, t)
    shared = scalars(state, gradient, theta, matrix, t, steps)
    absent = torch.zeros_like(gradient)
    columns = [normalised(found.get(name, absent), NORM_EPSILON).reshape(-1, 1) for name in FEATURES]
    values = torch.cat([*columns, shared.expand(1 if RULE == "control" else gradient.numel(), -1)], 1)
    direction, magnitude = evaluate(values)
    size = (MAGNITUDE_FACTOR * magnitude).clamp(MAGNITUDE_LOW, MAGNITUDE_HIGH).exp()
    if RULE == "celo2":
        direction = direction.view_as(gradient)
        return -rate * normalised(orthogonal(direction) if ORTHOGONALISE else direction, NORM_EPSILON)
    if RULE == "small-fc":
        return -rate * (direction * size).view_as(gradient)
    adam = normalised(found["mean 1 / root"], 0)
    if RULE == "control":
        return -rate * state["scale"] * size * (adam + direction * normalised(found["mean 2"], 0))
    return -rate * state["scale"] * size.view_as(gradient) * (adam + direction.view_as(gradient))
`;
