r"""nflows' conditional coupling flow of rational-quadratic splines; runs in an environment of its own.

    .venv-peers/nflows/bin/python benchmarks/sections/nflows_coupling.py \
        DIMENSION BATCH CONTEXT LAYERS BINS HIDDEN TURNS

Prints the CPU seconds of the least of some turns, of a log density forward and backward and of one draw per context, as
one JSON object. One residual block is two inner layers.
"""

import json
import sys
import time

import torch
from nflows.distributions import StandardNormal
from nflows.flows import Flow
from nflows.nn.nets import ResidualNet
from nflows.transforms import CompositeTransform, PiecewiseRationalQuadraticCouplingTransform


def main() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    dimension, batch, context, layers, bins, hidden, turns = map(int, sys.argv[1:])

    def conditioner(inputs: int, outputs: int) -> ResidualNet:
        return ResidualNet(inputs, outputs, hidden_features=hidden, context_features=context, num_blocks=1)

    couplings = []
    for layer in range(layers):
        mask = torch.zeros(dimension)
        mask[layer % 2 :: 2] = 1
        couplings.append(
            PiecewiseRationalQuadraticCouplingTransform(
                mask, conditioner, num_bins=bins, tails="linear", tail_bound=5.0
            )
        )
    flow = Flow(CompositeTransform(couplings), StandardNormal([dimension]))
    values, contexts = torch.randn(batch, dimension), torch.randn(batch, context)

    def train() -> None:
        flow.zero_grad(set_to_none=True)
        (-flow.log_prob(values, context=contexts).mean()).backward()

    def draw() -> None:
        with torch.no_grad():
            flow.sample(1, context=contexts)

    figures = {"log_prob_cpu_s": least(train, turns), "sample_cpu_s": least(draw, turns)}
    print(json.dumps(figures | {"parameters": sum(weights.numel() for weights in flow.parameters())}))


def least(job, turns: int) -> float:
    """CPU seconds of the fastest turn after one that does not count."""
    job()
    seconds = []
    for _ in range(turns):
        started = time.process_time()
        job()
        seconds.append(time.process_time() - started)
    return min(seconds)


if __name__ == "__main__":
    main()
