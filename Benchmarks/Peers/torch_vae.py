"""The VAE of elbo_step.py and mnist_curve.py in PyTorch: its objective, and one training step three ways.

Weights are held inputs × outputs, as the products read them: 2 to 8 % faster than the transposed
layout of torch.nn.Linear. Noise is drawn outside the compiled graph: Inductor's own generator is slower.
"""

import functools

import torch
import torch.nn.functional as F

from common import NETWORKS, initial_parameters, layer_shapes

RATE, BETA1, BETA2, EPSILON = 1e-3, 0.9, 0.999, 1e-8


@functools.cache  # PyTorch refuses to be told twice
def configure(threads):
    torch.set_num_threads(threads)
    torch.set_num_interop_threads(1)
    torch._dynamo.config.recompile_limit = 64  # one entry for each network, batch size and way


class TorchVAE:
    """`parameters` is the flat list W, b, W, b, …; `step(x)` trains on a batch and returns its −ELBO, a tensor."""

    def __init__(self, network, batch, way="eager", seed=1, output_bias=None):
        _, self.encoder = layer_shapes(network)
        self.latent = NETWORKS[network][0][-1]
        self.activation = {"relu": torch.relu, "tanh": torch.tanh}[NETWORKS[network][1]]
        self.parameters = [torch.from_numpy(array) for pair in initial_parameters(network, seed) for array in pair]
        if output_bias is not None:
            self.parameters[-1].copy_(torch.as_tensor(output_bias))
        self.noise = torch.empty(batch, self.latent)
        self.generator = torch.Generator().manual_seed(seed)
        self.step = {
            "eager": lambda: self._autograd_step(self.negative_elbo),
            "compiled-loss": lambda: self._autograd_step(torch.compile(self.negative_elbo, dynamic=False)),
            "compiled": self._whole_step,
        }[way]()

    def negative_elbo(self, parameters, x, noise):
        """Mean over rows of the sum over dimensions, in nats."""
        layers = list(zip(parameters[::2], parameters[1::2]))
        h = x
        for weights, bias in layers[: self.encoder - 1]:
            h = self.activation(torch.addmm(bias, h, weights))
        weights, bias = layers[self.encoder - 1]
        mean, log_variance = torch.addmm(bias, h, weights).chunk(2, 1)
        h = mean + torch.exp(0.5 * log_variance) * noise
        for weights, bias in layers[self.encoder : -1]:
            h = self.activation(torch.addmm(bias, h, weights))
        weights, bias = layers[-1]
        logits = torch.addmm(bias, h, weights)
        reconstruction = F.binary_cross_entropy_with_logits(logits, x, reduction="sum")
        kl = -0.5 * torch.sum(1 + log_variance - mean * mean - torch.exp(log_variance))
        return (reconstruction + kl) / x.shape[0]

    def _autograd_step(self, objective):
        """Autograd and the fused Adam, as most people write it."""
        for parameter in self.parameters:
            parameter.requires_grad_(True)
        adam = torch.optim.Adam(self.parameters, RATE, betas=(BETA1, BETA2), eps=EPSILON, fused=True)

        def step(x):
            adam.zero_grad(set_to_none=True)
            loss = objective(self.parameters, x, self.noise.normal_(generator=self.generator))
            loss.backward()
            adam.step()
            return loss.detach()

        return step

    def _whole_step(self):
        """Forward, backward and Adam in one compiled graph: the fastest PyTorch found here."""
        means = [torch.zeros_like(p) for p in self.parameters]
        squares = [torch.zeros_like(p) for p in self.parameters]
        powers = torch.ones(2)  # beta1^t and beta2^t

        def whole(parameters, means, squares, powers, x, noise):
            objective = lambda p: self.negative_elbo(p, x, noise)
            gradients, loss = torch.func.grad_and_value(objective)(parameters)
            powers.mul_(torch.tensor([BETA1, BETA2]))
            root = torch.sqrt(1 - powers[1])
            rate = RATE * root / (1 - powers[0])
            for p, m, v, g in zip(parameters, means, squares, gradients):
                m.lerp_(g, 1 - BETA1)
                v.mul_(BETA2).addcmul_(g, g, value=1 - BETA2)
                p.sub_(rate * m / (torch.sqrt(v) + EPSILON * root))
            return loss

        compiled = torch.compile(whole, dynamic=False)

        def step(x):
            with torch.no_grad():
                noise = self.noise.normal_(generator=self.generator)
                return compiled(self.parameters, means, squares, powers, x, noise)

        return step
