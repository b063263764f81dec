"""Mixtures and factor analysis: ours in double and float and scikit-learn in turns; a table and a JSON file.

    compare_mixture.py --mixture-steps PATH --factors-fit PATH [--rounds 5] [--cases …] [--output FILE]

Every round runs scikit-learn, ours in double and ours in float, each in a process of its own with 2 threads, from
the same rows and the same start, for the same iterations; the case `factors-60000x784-k20` is a whole fit of
sklearn_factors.py's rows. Ratios are of medians over the rounds, of the seconds an iteration (or a fit); a spread is
fastest … slowest round. Memory is what the fit takes at its peak beyond the rows it was given; "whole" counts the
process with them.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys

import common

CASES = ("full-100000x16-k8", "full-60000x64-k10", "diagonal-100000x32-k32", "factors-60000x784-k20")
BARS = {CASES[0]: (12, 20), CASES[1]: (8, 14), CASES[2]: (10, 15), CASES[3]: (15, 15)}
HERE = os.path.dirname(os.path.abspath(__file__))

parser = argparse.ArgumentParser(description="Compare mixtures and factor analysis with scikit-learn.")
parser.add_argument("--mixture-steps", required=True)
parser.add_argument("--factors-fit", required=True)
parser.add_argument("--rounds", type=int, default=5)
parser.add_argument("--iterations", type=int, default=12)
parser.add_argument("--cases", nargs="*", default=CASES)
parser.add_argument("--data", default=common.data_directory())
parser.add_argument("--output", default="mixture-comparison.json")
arguments = parser.parse_args()


def run(*command):
    done = subprocess.run([str(part) for part in command], stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.strip().splitlines()[-1])


def commands(case):
    data = ("--data", arguments.data)
    if case.startswith("factors-"):
        shape, factors = case.removeprefix("factors-").split("-k")
        rows, columns = shape.split("x")
        peer = (sys.executable, f"{HERE}/sklearn_factors.py", "--rows", rows, "--columns", columns,
                "--factors", factors, *data)  # fmt: skip
        file = f"{arguments.data}/factors-unit-{shape}-k{factors}-rows.npy"
        ours = {p: (arguments.factors_fit, file, factors, p) for p in ("double", "float")}
    else:
        steps = arguments.iterations
        peer = (sys.executable, f"{HERE}/sklearn_mixture.py", case, "--iterations", steps, *data)
        ours = {p: (arguments.mixture_steps, case, arguments.data, p, steps) for p in ("double", "float")}
    return {"scikit-learn": peer, **ours}


def seconds(reply):
    return reply.get("secondsPerIteration") if "lowerBounds" in reply else reply["seconds"]


table = []
for case in arguments.cases:
    sides = commands(case)
    subprocess.run([*map(str, sides["scikit-learn"]), "--write-only"], check=True)
    replies = {side: [] for side in sides}
    for _ in range(arguments.rounds):
        for side, command in sides.items():
            replies[side].append(run(*command))
    medians = {side: statistics.median(map(seconds, found)) for side, found in replies.items()}
    for side, found in replies.items():
        times = sorted(map(seconds, found))
        last = found[-1]
        row = {
            "case": case, "side": side, "seconds": medians[side], "fastest": times[0], "slowest": times[-1],
            "timesAsFast": medians["scikit-learn"] / medians[side],
            "bar": dict(zip(("double", "float"), BARS.get(case, ()))).get(side),
            "peakMegabytes": max(reply["peakMegabytes"] for reply in found),
            "fitMegabytes": max(reply["peakMegabytes"] - reply["megabytesBeforeFit"] for reply in found),
            "logLikelihood": last["logLikelihood"], "replies": found,
        }  # fmt: skip
        if "lowerBounds" in last:
            bounds = last["lowerBounds"]
            row["largestFallOfBound"] = max(
                [(a - b) / abs(a) for a, b in zip(bounds, bounds[1:])] + [0.0]
            )
        table.append(row)
        bar = f"(bar {row['bar']})" if row["bar"] else ""
        print(
            f"{case:24} {side:13} {1e3 * row['seconds']:10.2f} ms  [{1e3 * times[0]:.2f} … {1e3 * times[-1]:.2f}]  "
            f"{row['timesAsFast']:6.2f}x {bar:9}  whole {row['peakMegabytes']:7.0f} MB  fit {row['fitMegabytes']:7.0f} MB"
            f"  log-likelihood {row['logLikelihood']:.3f}"
            + (f"  bound falls {row['largestFallOfBound']:.1e}" if "largestFallOfBound" in row else ""),
            flush=True,
        )
with open(arguments.output, "w") as file:
    json.dump(table, file, indent=1)
