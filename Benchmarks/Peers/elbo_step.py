"""One full training step of a VAE (forward, ELBO, backward, Adam) in PyTorch and JAX, timed on request.

A server, so that its measurements can be interleaved with ours: one JSON request a line in, one answer out.

    {"network": "784-400-20", "batch": 100, "framework": "torch-eager", "seconds": 0.5}

Networks: 784-400-20 (ReLU) and 784-200-200-50 (tanh): Bernoulli decoder on logits, closed-form KL; the
objective is the mean over rows of the sum over dimensions; Adam at 1e-3. Frameworks: torch-eager (fused Adam),
torch-compiled-loss (compiled objective, fused Adam), torch-compiled (the whole step in one graph), jax (jit, with
the state donated). The first request of a kind compiles. "group": n (default 1) times n steps at a time and
waits at the end of each group only: asynchronous dispatch gains JAX some 5 % that way.
Times are of steps during which no thread of ours waited for a core, where there are five of them; `undisturbed`
is their share.
"""

import argparse
import os
import platform
import sys
import time

import common

parser = argparse.ArgumentParser(description="Time VAE training steps in PyTorch and JAX.")
parser.add_argument("--threads", type=int, default=2)
parser.add_argument("--self-test", action="store_true", help="print a table instead of serving requests")
parser.add_argument("--seconds", type=float, default=0.5, help="for --self-test: time for each measurement")
parser.add_argument("--rounds", type=int, default=2, help="for --self-test: interleaved rounds")
parser.add_argument("--networks", default=",".join(common.NETWORKS), help="for --self-test")
parser.add_argument("--batches", default="20,100,128,512", help="for --self-test")
arguments = parser.parse_args()

common.use_threads(arguments.threads)
import numpy as np  # noqa: E402  (after the thread counts are set)

FRAMEWORKS = ("torch-eager", "torch-compiled-loss", "torch-compiled", "jax")
SEED = 1


def torch_step(network, batch, way):
    import torch
    import torch_vae

    torch_vae.configure(arguments.threads)
    batches = [torch.from_numpy(rows) for rows in common.binary_batches(batch, SEED)]
    model = torch_vae.TorchVAE(network, batch, way, SEED)
    versions = {"torch": torch.__version__, "instructions": torch.backends.cpu.get_cpu_capability()}
    return model.step, batches, lambda loss: None, versions


def jax_step(network, batch):
    import jax
    import jax.numpy as jnp

    _, encoder = common.layer_shapes(network)
    latent = common.NETWORKS[network][0][-1]
    activation = {"relu": jax.nn.relu, "tanh": jnp.tanh}[common.NETWORKS[network][1]]

    def negative_elbo(layers, x, noise):
        h = x
        for weights, bias in layers[: encoder - 1]:
            h = activation(h @ weights + bias)
        weights, bias = layers[encoder - 1]
        mean, log_variance = jnp.split(h @ weights + bias, 2, axis=1)
        h = mean + jnp.exp(0.5 * log_variance) * noise
        for weights, bias in layers[encoder:-1]:
            h = activation(h @ weights + bias)
        weights, bias = layers[-1]
        logits = h @ weights + bias
        reconstruction = jnp.sum(jnp.maximum(logits, 0) - logits * x + jnp.log1p(jnp.exp(-jnp.abs(logits))))
        kl = -0.5 * jnp.sum(1 + log_variance - mean * mean - jnp.exp(log_variance))
        return (reconstruction + kl) / x.shape[0]

    def update(state, x):
        layers, means, squares, powers, key = state
        key, fresh = jax.random.split(key)
        noise = jax.random.normal(fresh, (batch, latent))
        loss, gradients = jax.value_and_grad(negative_elbo)(layers, x, noise)
        powers = powers * jnp.array([0.9, 0.999])
        root = jnp.sqrt(1 - powers[1])
        rate = 1e-3 * root / (1 - powers[0])
        means = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, means, gradients)
        squares = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, squares, gradients)
        layers = jax.tree.map(lambda p, m, v: p - rate * m / (jnp.sqrt(v) + 1e-8 * root), layers, means, squares)
        return (layers, means, squares, powers, key), loss

    compiled = jax.jit(update, donate_argnums=0)
    layers = jax.tree.map(jnp.array, common.initial_parameters(network, SEED))
    zeros = lambda: jax.tree.map(jnp.zeros_like, layers)
    state = (layers, zeros(), zeros(), jnp.ones(2), jax.random.key(SEED, impl="rbg"))

    def step(x):
        nonlocal state
        state, loss = compiled(state, x)
        return loss

    wait = lambda loss: jax.block_until_ready((state, loss))
    versions = {"jax": jax.__version__, "flags": os.environ.get("XLA_FLAGS", "")}
    return step, [jnp.array(rows) for rows in common.binary_batches(batch, SEED)], wait, versions


class Trainer:
    def __init__(self, framework, network, batch):
        if framework not in FRAMEWORKS:
            raise ValueError(f"framework is one of {', '.join(FRAMEWORKS)}, not {framework!r}")
        if network not in common.NETWORKS:
            raise ValueError(f"network is one of {', '.join(common.NETWORKS)}, not {network!r}")
        if framework == "jax":
            self.step, self.batches, self.wait, self.versions = jax_step(network, batch)
        else:
            self.step, self.batches, self.wait, self.versions = torch_step(network, batch, framework[6:])
        self.versions |= {"numpy": np.__version__, "python": platform.python_version()}
        self.position = 0
        self.first_loss = float(self.run(1))

    def run(self, steps):
        for _ in range(steps):
            loss = self.step(self.batches[self.position])
            self.position = (self.position + 1) % len(self.batches)
        self.wait(loss)
        return loss

    def measure(self, seconds, group):
        self.run(10)
        waits, times, waited, start = common.Waits(), [], [], time.perf_counter()
        while True:
            waits_before = waits.seconds()
            before = time.perf_counter()
            loss = self.run(group)
            after = time.perf_counter()
            times.append((after - before) / group)
            waited.append((waits.seconds() - waits_before) / group)
            if after - start >= seconds:
                waits.close()
                return np.array(times) * 1e3, np.array(waited) <= 0.002 * np.array(times), float(loss)


trainers = {}


def answer(request):
    key = (request["framework"], request["network"], int(request["batch"]))
    if key not in trainers:
        trainers[key] = Trainer(*key)
    trainer, group = trainers[key], int(request.get("group", 1))
    times, calm, loss = trainer.measure(float(request.get("seconds", 0.5)), group)
    p10, median, p90 = np.percentile(times[calm] if calm.sum() >= 5 else times, [10, 50, 90])
    return {
        "framework": key[0], "network": key[1], "batch": key[2], "group": group,
        "stepsMedianMs": round(median, 4), "stepsP10Ms": round(p10, 4), "stepsP90Ms": round(p90, 4),
        "undisturbed": round(calm.mean(), 3), "steps": len(times) * group, "threads": arguments.threads, "versions": trainer.versions,
        "firstLoss": round(trainer.first_loss, 2), "lastLoss": round(loss, 2),
    }  # fmt: skip


def self_test():
    out = common.keep_stdout_clean()
    heads = "".join(f"{head:>9}" for head in ("median", "p10", "p90", "first", "last"))
    print(f"{'network':16}{'batch':>6}  {'framework':20}{heads}   (ms, ms, ms, nats, nats)", file=out)
    for network in arguments.networks.split(","):
        for batch in map(int, arguments.batches.split(",")):
            request = {"network": network, "batch": batch, "seconds": arguments.seconds}
            rounds = [[answer(request | {"framework": f}) for f in FRAMEWORKS] for _ in range(arguments.rounds)]
            for replies in zip(*rounds):
                reply = min(replies, key=lambda r: r["stepsMedianMs"])
                times = "".join(f"{reply[k]:9.3f}" for k in ("stepsMedianMs", "stepsP10Ms", "stepsP90Ms"))
                losses = f"{reply['firstLoss']:9.2f}{replies[-1]['lastLoss']:9.2f}"
                print(f"{network:16}{batch:6}  {reply['framework']:20}{times}{losses}", file=out)
            firsts = [reply["firstLoss"] for reply in rounds[0]]
            if max(firsts) - min(firsts) > 0.03 * min(firsts):
                sys.exit(f"the frameworks disagree about the first step's loss: {firsts}")


self_test() if arguments.self_test else common.serve(answer)
