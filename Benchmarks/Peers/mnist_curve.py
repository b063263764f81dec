"""The reference run on MNIST in PyTorch: test −ELBO and training seconds by epoch, as JSON lines.

    mnist_curve.py DIRECTORY [--network 784-200-200-50] [--epochs 50] [--report 1,5,10,20,50]

DIRECTORY holds the four IDX files, gzipped or not. The run: every batch of 100 binarized afresh (a pixel is one
with probability grey/255), rows shuffled every epoch, Adam at a constant 1e-3, Glorot uniform weights, zero
biases but the output's, which start at the logit of the training pixel means clipped to [1e-3, 1 - 1e-3]. The
test set is binarized once, by a fixed seed; its −ELBO is averaged over --samples draws of the noise, also fixed.
`seconds` counts training (shuffling, binarization, steps) without tests or the very first step, which compiles.
"""

import argparse
import gzip
import json
import pathlib
import time

import common

parser = argparse.ArgumentParser(description="Train the reference VAE on MNIST with PyTorch.")
parser.add_argument("directory", type=pathlib.Path)
parser.add_argument("--network", choices=common.NETWORKS, default="784-200-200-50")
parser.add_argument("--way", choices=("eager", "compiled-loss", "compiled"), default="compiled")
parser.add_argument("--epochs", type=int, default=50)
parser.add_argument("--report", default="1,5,10,20,50", help="epochs after which to test, or 'all'")
parser.add_argument("--batch", type=int, default=100)
parser.add_argument("--seed", type=int, default=1)
parser.add_argument("--samples", type=int, default=4)
parser.add_argument("--threads", type=int, default=2)
arguments = parser.parse_args()

common.use_threads(arguments.threads)
import numpy as np  # noqa: E402  (after the thread counts are set)
import torch  # noqa: E402

import torch_vae  # noqa: E402

CLIP, TEST_SEED = 1e-3, 2026


def images(stem):
    """[rows, 784] bytes of an IDX file."""
    path = arguments.directory / stem
    data = path.read_bytes() if path.exists() else gzip.decompress(path.with_name(stem + ".gz").read_bytes())
    shape = np.frombuffer(data, ">i4", 4)
    if shape[0] != 0x803:
        raise SystemExit(f"{path}: not an IDX file of images")
    return np.frombuffer(data, np.uint8, offset=16).reshape(shape[1], -1)


def binarize(pixels, generator):
    """One with probability pixel/255, exactly: a uniform of 0 … 254 lies below the pixel."""
    uniform = generator.integers(0, 255, tuple(pixels.shape), dtype=np.uint8)
    return (torch.from_numpy(uniform) < pixels).float()


@torch.no_grad()
def test_negative_elbo(model, rows):
    generator = torch.Generator().manual_seed(TEST_SEED)
    total = 0.0
    for _ in range(arguments.samples):
        for part in rows.split(1000):
            noise = torch.randn(len(part), model.latent, generator=generator)
            total += float(model.negative_elbo(model.parameters, part, noise)) * len(part)
    return total / (arguments.samples * len(rows))


out = common.keep_stdout_clean()
torch_vae.configure(arguments.threads)
train = torch.from_numpy(images("train-images-idx3-ubyte").copy())
test = torch.from_numpy(images("t10k-images-idx3-ubyte").copy())
test = binarize(test, np.random.default_rng(TEST_SEED))
if len(train) % arguments.batch:
    raise SystemExit(f"--batch must divide the {len(train)} training rows")

means = np.clip(train.numpy().mean(0, dtype=np.float64) / 255, CLIP, 1 - CLIP)
model = torch_vae.TorchVAE(
    arguments.network, arguments.batch, arguments.way, arguments.seed, np.log(means / (1 - means))
)
generator = np.random.default_rng(arguments.seed)
reports = range(arguments.epochs + 1) if arguments.report == "all" else set(map(int, arguments.report.split(",")))

seconds = 0.0
for epoch in range(1, arguments.epochs + 1):
    start, total = time.perf_counter(), torch.zeros(())
    for index, rows in enumerate(torch.from_numpy(generator.permutation(len(train))).split(arguments.batch)):
        total += model.step(binarize(train[rows], generator))
        if epoch == 1 and index == 0:
            start = time.perf_counter()
    seconds += time.perf_counter() - start
    if epoch in reports or epoch == arguments.epochs:
        line = {
            "epoch": epoch, "testNegativeELBO": round(test_negative_elbo(model, test), 3),
            "trainNegativeELBO": round(float(total) / (len(train) // arguments.batch), 3),
            "seconds": round(seconds, 2), "network": arguments.network, "way": arguments.way,
            "batch": arguments.batch, "seed": arguments.seed, "threads": arguments.threads,
            "torch": torch.__version__,
        }  # fmt: skip
        print(json.dumps(line), file=out, flush=True)
