"""EM iterations of scikit-learn's GaussianMixture, timed one by one; prints one JSON line.

    sklearn_mixture.py CASE [--iterations 12] [--regularization 0] [--data DIRECTORY]

CASE is full|diagonal-ROWSxCOLUMNS-kCOMPONENTS; those of record are full-100000x16-k8, full-60000x64-k10 and
diagonal-100000x32-k32. Data and starting point are made once and written as double NPY files, CASE-rows.npy,
-weights, -means and -covariances (variances when diagonal), so that ours starts from the same numbers.

Recipe, from NumPy's default_rng(7): component weights proportional to 1 … 2, evenly spaced; means N(0, 4 I); each
covariance A Aᵀ / columns + I/4 with A of standard normals (diagonal: variances uniform in 0.25 … 1.25). A row draws
its component, then its normals. The start: equal weights; means are the K rows at evenly spaced positions; every
covariance is that of all rows.

Each of `lowerBounds` is the mean log-likelihood at the parameters with which that iteration began;
`logLikelihood` is the total one at the end. `secondsPerIteration` is the median; initialization is not in it.
"""

import argparse
import json
import os
import re
import time
import warnings

import common

parser = argparse.ArgumentParser(description="Time EM iterations of scikit-learn's GaussianMixture.")
parser.add_argument("case", help="for instance full-100000x16-k8")
parser.add_argument("--iterations", type=int, default=12)
parser.add_argument("--regularization", type=float, default=0.0, help="reg_covar; scikit-learn's default is 1e-6")
parser.add_argument("--data", default=common.data_directory())
parser.add_argument("--dtype", choices=("float64", "float32"), default="float64")
parser.add_argument("--write-only", action="store_true", help="make the NPY files and stop")
parser.add_argument("--threads", type=int, default=2)
arguments = parser.parse_args()

common.use_threads(arguments.threads)
import numpy as np  # noqa: E402  (after the thread counts are set)
import sklearn  # noqa: E402
from sklearn.mixture import GaussianMixture  # noqa: E402

match = re.fullmatch(r"(full|diagonal)-(\d+)x(\d+)-k(\d+)", arguments.case)
if not match:
    parser.error(f"{arguments.case!r} is not full|diagonal-ROWSxCOLUMNS-kCOMPONENTS")
FULL = match[1] == "full"
ROWS, COLUMNS, COMPONENTS = map(int, match.groups()[1:])
PREFIX = os.path.join(arguments.data, arguments.case)
NAMES = ("weights", "means", "covariances", "rows")


def make_data():
    random = np.random.default_rng(7)
    weights = np.linspace(1, 2, COMPONENTS)
    means = 2 * random.standard_normal((COMPONENTS, COLUMNS))
    if FULL:
        a = random.standard_normal((COMPONENTS, COLUMNS, COLUMNS))
        factors = np.linalg.cholesky(a @ a.transpose(0, 2, 1) / COLUMNS + np.eye(COLUMNS) / 4)
    else:
        factors = np.sqrt(random.uniform(0.25, 1.25, (COMPONENTS, COLUMNS)))
    component = random.choice(COMPONENTS, ROWS, p=weights / weights.sum())
    rows = random.standard_normal((ROWS, COLUMNS))
    for k in range(COMPONENTS):
        mine = component == k
        rows[mine] = means[k] + (rows[mine] @ factors[k].T if FULL else rows[mine] * factors[k])
    start = np.cov(rows.T, bias=True) if FULL else rows.var(0)
    arrays = {
        "weights": np.full(COMPONENTS, 1 / COMPONENTS),
        "means": rows[:: ROWS // COMPONENTS][:COMPONENTS],
        "covariances": np.repeat(start[None], COMPONENTS, 0),
        "rows": rows,
    }
    common.save_arrays(PREFIX, arrays)


class TimedMixture(GaussianMixture):
    """Notes the time when initialization and every iteration end."""

    def _initialize_parameters(self, *positional, **named):
        super()._initialize_parameters(*positional, **named)
        self.marks = [time.perf_counter()]

    def _compute_lower_bound(self, *positional, **named):
        bound = super()._compute_lower_bound(*positional, **named)
        self.marks.append(time.perf_counter())
        return bound


if not all(os.path.exists(f"{PREFIX}-{name}.npy") for name in NAMES):
    make_data()
if arguments.write_only:
    raise SystemExit

out = common.keep_stdout_clean()
weights, means, covariances, rows = (
    np.load(f"{PREFIX}-{name}.npy").astype(arguments.dtype, copy=False) for name in NAMES
)
mixture = TimedMixture(
    COMPONENTS,
    covariance_type="full" if FULL else "diag",
    tol=0,
    reg_covar=arguments.regularization,
    max_iter=arguments.iterations,
    init_params="random_from_data",  # cheap, and replaced by the three below
    weights_init=weights,
    means_init=means,
    precisions_init=np.linalg.inv(covariances) if FULL else 1 / covariances,
    random_state=0,
)
warnings.simplefilter("ignore")  # "did not converge": it is not meant to
with common.PeakMemory() as memory:
    mixture.fit(rows)
seconds = np.diff(mixture.marks)
p10, median, p90 = np.percentile(seconds, [10, 50, 90])
reply = {
    "case": arguments.case, "iterations": len(seconds), "regularization": arguments.regularization,
    "dtype": arguments.dtype, "secondsPerIteration": round(median, 5), "secondsP10": round(p10, 5),
    "secondsP90": round(p90, 5), "logLikelihood": float(mixture.score_samples(rows).sum(dtype=np.float64)),
    "lowerBounds": [float(bound) for bound in mixture.lower_bounds_],
    "peakMegabytes": round(memory.peak, 1), "megabytesBeforeFit": round(memory.before, 1), "threads": arguments.threads,
    "versions": {"scikit-learn": sklearn.__version__, "numpy": np.__version__},
}  # fmt: skip
print(json.dumps(reply), file=out, flush=True)
