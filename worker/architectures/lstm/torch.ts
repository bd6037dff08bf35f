/** φ for PyTorch: a Python file with an optimizer that needs only PyTorch. */

import type { LstmConfig } from '../../../shared/architectures/lstm.js';
import { VERSION } from '../../../shared/config.js';
import { phiLiteral } from '../torch/phi-literal.js';
import { RNNPROP_DECAY, RNNPROP_EPSILON } from './definition.js';

/** The Python source, which depends only on φ and its network. */
export function encodeTorch(
  { layers, preprocessing, outputScale, logAndSignP }: LstmConfig,
  phi: Float32Array,
): string {
  return `${head}
LAYERS = [${layers.join(', ')}]
PREPROCESSING = "${preprocessing}"
OUTPUT_SCALE = ${outputScale}
LOG_AND_SIGN_P = ${logAndSignP}

# float32, little-endian; per layer the weights and the biases, then those of the output
PHI = (
${phiLiteral(phi)}
)
${body}`;
}

const head = `"""A learned optimizer for PyTorch, with its trained parameters in this file. Exported by lopt ${VERSION}.

    from phi import LearnedOptimizer  # whatever this file is called

    optimizer = LearnedOptimizer(model.parameters())
    loss = ...
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()

A small LSTM reads the gradient of each coordinate separately, and its output is added to the coordinate (Andrychowicz
et al. 2016, arXiv 1606.04474). All coordinates share the weights; each has its own hidden and cell state, so the
optimizer takes 8 bytes of memory a coordinate and LSTM unit. Input, per coordinate: with PREPROCESSING "log-and-sign"
the two numbers (ln|g|/p, sign g) if |g| >= e^-p, otherwise (-1, e^p g), where p is LOG_AND_SIGN_P; with "rnnprop" g
and its running mean, divided by the root of the running mean square (Lv et al. 2017, arXiv 1703.03633); with "both"
these four; with "none" g itself.
"""

import base64
import functools
import math

import torch
`;

const body = `

@functools.cache
def phi_tensors(device, dtype):
    """The tensors of phi on a device: (weights, biases) of each layer, then of the output.

    A layer's weights are [inputs + units, 4 * units]: rows for the layer's input, then for its own
    hidden state; columns for the input gate, the candidate, the forget gate and the output gate. Its biases are
    [4 * units]. The output's weights are [units, 1], its biases [1].
    """
    phi = torch.frombuffer(bytearray(base64.b64decode(PHI)), dtype=torch.float32).to(device, dtype)
    inputs = {"none": 1, "both": 4}.get(PREPROCESSING, 2)
    sizes = [inputs, *LAYERS]
    shapes = [(below + units, 4 * units) for below, units in zip(sizes, LAYERS)] + [(LAYERS[-1], 1)]
    tensors = []
    for rows, columns in shapes:
        weights, biases, phi = phi.split([rows * columns, columns, len(phi) - (rows + 1) * columns])
        tensors.append((weights.view(rows, columns), biases))
    return tensors


def network_input(gradient, state):
    """The network's input for a gradient [n]: [n, inputs]. Running means are kept in the state."""
    if PREPROCESSING == "none":
        return gradient.unsqueeze(1)
    rows = []
    if PREPROCESSING != "rnnprop":
        rows += log_and_sign(gradient)
    if PREPROCESSING != "log-and-sign":
        values = torch.stack([torch.ones_like(gradient), gradient, gradient * gradient])
        state["moments"] = ${RNNPROP_DECAY} * state["moments"] + (1 - ${RNNPROP_DECAY}) * values
        ones, mean, square = state["moments"]
        root = (square / ones).sqrt() + ${RNNPROP_EPSILON}
        rows += [gradient / root, mean / ones / root]
    return torch.stack(rows, dim=1)


def log_and_sign(gradient):
    magnitude = gradient.abs()
    large = magnitude >= math.exp(-LOG_AND_SIGN_P)
    first = torch.where(large, magnitude.log() / LOG_AND_SIGN_P, -1)
    second = torch.where(large, gradient.sign(), math.exp(LOG_AND_SIGN_P) * gradient)
    return [first, second]


class LearnedOptimizer(torch.optim.Optimizer):
    """Adds lr times the network's output to every coordinate that has a gradient.

    Parameters are float32 or float64, on any device. The network was trained with an lr of 1.
    """

    def __init__(self, params, lr=1.0):
        if not 0 <= lr < math.inf:
            raise ValueError(f"Cannot create LearnedOptimizer: lr must be a finite number of at least 0, got {lr}")
        super().__init__(params, {"lr": lr})

    @torch.no_grad()
    def step(self, closure=None):
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    parameter.add_(group["lr"] * self.update(parameter))
        return loss

    def update(self, parameter):
        """The network's output for a parameter's gradient, in the parameter's shape; advances the state."""
        if parameter.dtype not in (torch.float32, torch.float64) or parameter.grad.is_sparse:
            kind = f"{'sparse ' if parameter.grad.is_sparse else ''}{parameter.dtype}"
            raise TypeError(f"Cannot step: gradients must be dense, of float32 or float64, got {kind}")
        *layers, (output_weights, output_biases) = phi_tensors(parameter.device, parameter.dtype)
        gradient = parameter.grad.reshape(-1)
        state = self.state[parameter]
        if not state:
            for layer, units in enumerate(LAYERS, 1):
                state[f"hidden_{layer}"] = gradient.new_zeros(len(gradient), units)
                state[f"cell_{layer}"] = gradient.new_zeros(len(gradient), units)
            if PREPROCESSING in ("rnnprop", "both"):
                state["moments"] = gradient.new_zeros(3, len(gradient))
        x = network_input(gradient, state)
        for layer, (weights, biases) in enumerate(layers, 1):
            hidden, cell = state[f"hidden_{layer}"], state[f"cell_{layer}"]
            i, candidate, f, o = torch.addmm(biases, torch.cat([x, hidden], dim=1), weights).chunk(4, dim=1)
            # the 1 makes an untrained network remember
            cell = torch.sigmoid(f + 1) * cell + torch.sigmoid(i) * torch.tanh(candidate)
            x = torch.sigmoid(o) * torch.tanh(cell)
            state[f"hidden_{layer}"], state[f"cell_{layer}"] = x, cell
        return OUTPUT_SCALE * torch.addmm(output_biases, x, output_weights).view_as(parameter)
`;
