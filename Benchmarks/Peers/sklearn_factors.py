"""scikit-learn's FactorAnalysis on simulated rows, timed as a whole; prints one JSON line.

    sklearn_factors.py [--rows 60000] [--columns 784] [--factors 20] [--method randomized|lapack]

The rows are made once and written as an NPY file of float32 (factors-unit-ROWSxCOLUMNS-kFACTORS-rows.npy), with the
truth beside it (-loadings, -uniquenesses, -mean), so that ours reads the same numbers. Both compute in double.

Recipe, from NumPy's default_rng(11): loadings N(0, 1), uniquenesses 1 (unit noise), mean N(0, 1); a row is mean + loadings z + √uniqueness e, made in blocks of 10,000 rows (all z of a block, then all e).

`seconds` is fit() to scikit-learn's own stopping rule (total log-likelihood gains less than --tolerance), given
doubles it may overwrite; `logLikelihood` is the total one, every constant included.
"""

import argparse
import json
import os
import time
import warnings

import common

parser = argparse.ArgumentParser(description="Time scikit-learn's FactorAnalysis.")
parser.add_argument("--rows", type=int, default=60000)
parser.add_argument("--columns", type=int, default=784)
parser.add_argument("--factors", type=int, default=20)
parser.add_argument("--method", choices=("randomized", "lapack"), default="randomized")
parser.add_argument("--tolerance", type=float, default=0.01)
parser.add_argument("--data", default=common.data_directory())
parser.add_argument("--write-only", action="store_true", help="make the NPY files and stop")
parser.add_argument("--threads", type=int, default=2)
arguments = parser.parse_args()

common.use_threads(arguments.threads)
import numpy as np  # noqa: E402  (after the thread counts are set)
import sklearn  # noqa: E402
from sklearn.decomposition import FactorAnalysis  # noqa: E402

CASE = f"factors-unit-{arguments.rows}x{arguments.columns}-k{arguments.factors}"
PREFIX = os.path.join(arguments.data, CASE)


def make_data():
    random = np.random.default_rng(11)
    loadings = random.standard_normal((arguments.columns, arguments.factors))
    uniquenesses = np.ones(arguments.columns)
    mean = random.standard_normal(arguments.columns)
    rows = np.empty((arguments.rows, arguments.columns), np.float32)
    for block in np.split(rows, range(10000, arguments.rows, 10000)):
        z = random.standard_normal((len(block), arguments.factors))
        block[:] = mean + z @ loadings.T + np.sqrt(uniquenesses) * random.standard_normal(block.shape)
    common.save_arrays(PREFIX, {"loadings": loadings, "uniquenesses": uniquenesses, "mean": mean, "rows": rows})


if not os.path.exists(f"{PREFIX}-rows.npy"):
    make_data()
if arguments.write_only:
    raise SystemExit

out = common.keep_stdout_clean()
rows = np.load(f"{PREFIX}-rows.npy", mmap_mode="r").astype(np.float64)
model = FactorAnalysis(
    arguments.factors, tol=arguments.tolerance, copy=False, svd_method=arguments.method, random_state=0
)
warnings.simplefilter("ignore")  # "did not converge" is in the answer
with common.PeakMemory() as memory:
    start = time.perf_counter()
    model.fit(rows)
    seconds = time.perf_counter() - start
rows += model.mean_  # fit centred them in place
reply = {
    "case": CASE, "method": arguments.method, "tolerance": arguments.tolerance, "seconds": round(seconds, 4),
    "iterations": model.n_iter_, "secondsPerIteration": round(seconds / model.n_iter_, 5),
    "converged": model.n_iter_ < model.max_iter, "logLikelihood": float(model.score(rows) * len(rows)),
    "logLikelihoodOfLastIteration": float(model.loglike_[-1]),
    "peakMegabytes": round(memory.peak, 1), "megabytesBeforeFit": round(memory.before, 1), "threads": arguments.threads,
    "versions": {"scikit-learn": sklearn.__version__, "numpy": np.__version__},
}  # fmt: skip
print(json.dumps(reply), file=out, flush=True)
