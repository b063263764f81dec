"""What the peers share: cores, a line-by-line JSON server, networks, initial values and data.

Import this before torch, jax or numpy: thread counts are read when those are imported.
"""

import json
import os
import sys

NETWORKS = {
    # name: (widths from pixels to latent, activation); the decoder is the mirror image
    "784-400-20": ((784, 400, 20), "relu"),
    "784-200-200-50": ((784, 200, 200, 50), "tanh"),
}


def use_threads(count):
    """Confine the process to `count` whole cores and tell every library about it.

    JAX sizes its pool by the processors it may run on, so the affinity is what limits it.
    """
    allowed, chosen, cores = sorted(os.sched_getaffinity(0)), [], set()
    for cpu in allowed:
        try:
            with open(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list") as file:
                core = file.read().strip()
        except OSError:
            core = str(cpu)
        if core not in cores:
            cores.add(core)
            chosen.append(cpu)
    if len(chosen) < count:  # fewer cores than threads: take processors as they come
        chosen = allowed
    os.sched_setaffinity(0, chosen[:count])
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NPROC"):
        os.environ[name] = str(count)
    os.environ["JAX_PLATFORMS"] = "cpu"
    os.environ["CUDA_VISIBLE_DEVICES"] = ""


def keep_stdout_clean():
    """Return the real standard output; whatever libraries print goes to standard error."""
    out = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    return out


def serve(answer):
    """Answer each JSON line on standard input with one JSON line, until the input ends."""
    out = keep_stdout_clean()
    for line in sys.stdin:
        if not line.strip():
            continue
        try:
            reply = answer(json.loads(line))
        except Exception as error:  # a bad request must not end the session
            reply = {"error": f"{type(error).__name__}: {error}", "request": line.strip()}
        print(json.dumps(reply), file=out, flush=True)


class Waits:
    """How long this process's threads, those there are now, have been ready to run without a core to run on."""

    def __init__(self):
        self.files = [os.open(f"/proc/self/task/{thread}/schedstat", os.O_RDONLY) for thread in os.listdir("/proc/self/task")]

    def seconds(self):
        return sum(int(os.pread(file, 64, 0).split()[1]) for file in self.files) * 1e-9

    def close(self):
        for file in self.files:
            os.close(file)


class PeakMemory:
    """Resident megabytes when the block began (`before`) and the most within it (`peak`), by Linux's account."""

    def __enter__(self):
        with open("/proc/self/clear_refs", "w") as file:
            file.write("5")  # forget the peak so far
        self.before = self._read("VmRSS")
        return self

    def __exit__(self, *_):
        self.peak = self._read("VmHWM")

    @staticmethod
    def _read(field):
        with open("/proc/self/status") as file:
            return next(int(line.split()[1]) / 1024 for line in file if line.startswith(field))


def layer_shapes(network):
    """[(inputs, outputs)] and how many of them are the encoder's; its last layer gives (mu, log variance)."""
    widths, _ = NETWORKS[network]
    encoder = list(zip(widths[:-1], widths[1:-1] + (2 * widths[-1],)))
    back = widths[::-1]
    return encoder + list(zip(back[:-1], back[1:])), len(encoder)


def initial_parameters(network, seed):
    """[(weights in×out, bias)]: Glorot uniform and zeros. The two heads count as layers of their own."""
    import numpy as np

    shapes, encoder = layer_shapes(network)
    generator, layers = np.random.default_rng(seed), []
    for index, (rows, columns) in enumerate(shapes):
        fan_out = columns // 2 if index == encoder - 1 else columns
        limit = (6 / (rows + fan_out)) ** 0.5
        weights = generator.uniform(-limit, limit, (rows, columns))
        layers.append((weights.astype(np.float32), np.zeros(columns, np.float32)))
    return layers


def binary_batches(batch, seed):
    """8,192 rows of zeros and ones, cut into batches, as likely to be one as MNIST's pixels.

    The density is 0.13 on average, most in the middle; no pixel is always zero.
    """
    import numpy as np

    axis = np.arange(28) - 13.5
    bump = np.exp(-(axis[:, None] ** 2 + axis[None, :] ** 2) / (2 * 6.0**2)).reshape(-1)
    probability = np.clip(0.13 * bump / bump.mean(), 0.005, 1)
    rows = (np.random.default_rng(seed).random((8192, 784)) < probability).astype(np.float32)
    return [rows[i : i + batch].copy() for i in range(0, len(rows) - batch + 1, batch)]


def data_directory():
    """Where generated data goes unless a script is told otherwise: outside the repository."""
    import tempfile

    return os.path.join(tempfile.gettempdir(), "latent-peers-data")


def save_arrays(prefix, arrays):
    """Write `prefix`-NAME.npy for each array; a file is either whole or absent."""
    import numpy as np

    os.makedirs(os.path.dirname(prefix) or ".", exist_ok=True)
    for name, array in arrays.items():
        path = f"{prefix}-{name}.npy"
        with open(path + ".part", "wb") as file:
            np.save(file, np.ascontiguousarray(array))
        os.replace(path + ".part", path)
