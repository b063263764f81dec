"""Parameters and log-likelihoods of scikit-learn's GaussianMixture as Swift figures for our tests.

    sklearn_mixture_values.py > Tests/ModelsTests/MixtureExpected.swift

Three data sets by four covariance types: K = 3, ten iterations, no regularizer. The start: equal weights; means are
the K rows at evenly spaced positions; every covariance is that of all rows (its mean variance when spherical).
`grid` and `factors` are 300 × 5 and 300 × 6 numbers by formulas, the same in MixtureComparisonTests.swift.
"""

import os
import sys
import warnings

import numpy as np
import sklearn
from sklearn.decomposition import FactorAnalysis
from sklearn.mixture import GaussianMixture

warnings.simplefilter("ignore")  # "did not converge": it is not meant to
resources = os.path.join(os.path.dirname(__file__), "../../Sources/LatentIO/Resources")


def grid():
    i, d = np.meshgrid(np.arange(300), np.arange(5), indexing="ij")
    return (i * (d + 3) * 7919 + 104729 * d * d + i * i) % 1009 / 1009 + 2.0 * (i % 3 == d % 3)


def factors():
    i, d = np.meshgrid(np.arange(300), np.arange(6), indexing="ij")
    number = lambda d: (i * (d + 3) * 7919 + 104729 * d * d + i * i) % 1009 / 1009  # noqa: E731
    return (1 + d / 2) * number(10) + (2 - d) * number(11) + number(d)


DATA = {
    "iris": np.loadtxt(f"{resources}/iris.csv", delimiter=",", skiprows=1, usecols=range(4)),
    "faithful": np.loadtxt(f"{resources}/faithful.csv", delimiter=",", skiprows=1),
    "grid": grid(),
}
FACTORS = factors()
COMPONENTS, ITERATIONS = 3, 10


def start(rows, kind):
    covariance = np.cov(rows.T, bias=True)
    precision = np.linalg.inv(covariance)
    return {
        "full": np.repeat(precision[None], COMPONENTS, 0),
        "tied": precision,
        "diag": np.repeat(1 / np.diag(covariance)[None], COMPONENTS, 0),
        "spherical": np.repeat(1 / np.diag(covariance).mean(), COMPONENTS),
    }[kind]


def figures(values):
    lines, line = [], "        "
    for value in np.ravel(values):
        word = f"{value:.13g}, "
        if len(line) + len(word) > 98:
            lines.append(line.rstrip())
            line = "        "
        line += word
    return "\n".join(lines + [line.rstrip()])


print(f"""// Written by Benchmarks/Peers/sklearn_mixture_values.py, scikit-learn {sklearn.__version__}.

/// What scikit-learn has after ten iterations.
struct MixtureExpectation {{
  let data: String
  let kind: String
  /// Of all rows, in nats.
  let logLikelihood: Double
  let weights: [Double]
  let means: [Double]
  let covariances: [Double]

  static let all: [MixtureExpectation] = [""")
for data, rows in DATA.items():
    for kind in ("full", "tied", "diag", "spherical"):
        mixture = GaussianMixture(
            COMPONENTS, covariance_type=kind, tol=0, reg_covar=0, max_iter=ITERATIONS, init_params="random_from_data",
            weights_init=np.full(COMPONENTS, 1 / COMPONENTS), precisions_init=start(rows, kind),
            means_init=rows[:: len(rows) // COMPONENTS][:COMPONENTS], random_state=0,
        ).fit(rows)  # fmt: skip
        print(f"""    MixtureExpectation(
      data: "{data}", kind: "{kind}", logLikelihood: {mixture.score_samples(rows).sum():.13g},
      weights: [
{figures(mixture.weights_)}
      ],
      means: [
{figures(mixture.means_)}
      ],
      covariances: [
{figures(mixture.covariances_)}
      ]),""")
print("  ]\n}")

print("""
/// What scikit-learn's FactorAnalysis reaches: one Gaussian of factors is that model.
struct FactorExpectation {
  let factors: Int
  /// Of all rows, in nats.
  let logLikelihood: Double
  let uniquenesses: [Double]

  static let all: [FactorExpectation] = [""")
for factors in (1, 2):
    rows = FACTORS
    model = FactorAnalysis(factors, tol=1e-14, max_iter=200000, svd_method="lapack").fit(rows)
    print(f"""    FactorExpectation(
      factors: {factors}, logLikelihood: {model.score_samples(rows).sum():.13g},
      uniquenesses: [
{figures(model.noise_variance_)}
      ]),""")
print("  ]\n}")
