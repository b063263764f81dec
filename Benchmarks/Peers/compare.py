"""Latent and its peers on the same training step, taking turns in one session.

Two servers answer JSON lines: `latent-measure serve` and elbo_step.py. For each network and batch size every
framework is asked once a round, Latent before and after the others, so that all meet the same drift of the
machine; ratios are taken within rounds. Prints a table; writes comparison.json and comparison.svg.
"""

import argparse
import datetime
import json
import os
import statistics
import subprocess
import sys
import time

from common import NETWORKS

PEERS = ("torch-eager", "torch-compiled-loss", "torch-compiled", "jax")
OURS = ("fused", "fused-gathered", "openblas")
REST = 0.2  # seconds: OpenMP's and OpenBLAS's threads spin for some time after their work

parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
parser.add_argument("--latent", required=True, help="the latent-measure executable")
parser.add_argument("--output", default=".", help="directory for comparison.json and comparison.svg")
parser.add_argument("--networks", default=",".join(NETWORKS))
parser.add_argument("--batches", default="20,100,128,512")
parser.add_argument("--frameworks", default=",".join(OURS + PEERS))
parser.add_argument("--threads", type=int, default=2)
parser.add_argument("--rounds", type=int, default=5)
parser.add_argument("--seconds", type=float, default=0.5, help="for each measurement")
parser.add_argument("--quick", action="store_true", help="two rounds of 0.2 s")
arguments = parser.parse_args()
if arguments.quick:
    arguments.rounds, arguments.seconds = 2, 0.2
if arguments.rounds < 1 or arguments.threads < 1 or not 0 < arguments.seconds < 3600:
    parser.error("--rounds, --threads and --seconds must be above 0")
for name in arguments.frameworks.split(","):
    if name not in OURS + PEERS:
        parser.error(f"there is no framework {name}; there are {', '.join(OURS + PEERS)}")
for name in arguments.networks.split(","):
    if name not in NETWORKS:
        parser.error(f"there is no network {name}; there are {', '.join(NETWORKS)}")
if not all(word.isdigit() and int(word) > 0 for word in arguments.batches.split(",")):
    parser.error("--batches are numbers above 0 with commas between")
# Before anything is measured that could not be written.
os.makedirs(arguments.output, exist_ok=True)


class Server:
    def __init__(self, command):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, **request):
        print(json.dumps(request), file=self.process.stdin, flush=True)
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"a server ended at {request}")
        reply = json.loads(line)
        if "error" in reply:
            sys.exit(f"{request}: {reply['error']}")
        return reply


def busy_seconds():
    """Seconds since boot of all processors together: without idling, and in all."""
    with open("/proc/stat") as file:
        ticks = [int(word) for word in file.readline().split()[1:9]]
    rate = os.sysconf("SC_CLK_TCK")
    return (sum(ticks) - ticks[3] - ticks[4]) / rate, sum(ticks) / rate


def own_seconds(servers):
    total = 0
    for server in servers:
        with open(f"/proc/{server.process.pid}/stat") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        total += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return total


def measure(servers, network, batch, frameworks):
    """{framework: replies}, one a round; the first round compiles and is thrown away."""
    replies = {name: [] for name in frameworks}
    for turn in range(arguments.rounds + 1):
        # The other way round every other time: nobody always follows the same neighbour.
        for name in frameworks if turn % 2 else frameworks[::-1]:
            seconds = arguments.seconds if turn else 0.01
            reply = servers[name].ask(framework=name, network=network, batch=batch, seconds=seconds)
            if turn:
                replies[name].append(reply)
            time.sleep(REST)
    return replies


def summarize(network, batch, replies):
    """Rows of the table; the ratio is a framework's time by Latent's in the same round."""
    for name, rounds in replies.items():
        medians = [reply["stepsMedianMs"] for reply in rounds]
        ratios = [theirs / ours["stepsMedianMs"] for theirs, ours in zip(medians, replies["fused"])]
        yield {
            "network": network, "batch": batch, "framework": name,
            "medianMs": statistics.median(medians), "lowestMs": min(medians), "highestMs": max(medians),
            "p10Ms": statistics.median(reply["stepsP10Ms"] for reply in rounds),
            "p90Ms": statistics.median(reply["stepsP90Ms"] for reply in rounds),
            "timesLatent": statistics.median(ratios), "ratioLowest": min(ratios), "ratioHighest": max(ratios),
            "fractionOfPeak": statistics.median(reply["fractionOfPeak"] for reply in rounds)
            if "fractionOfPeak" in rounds[0] else None,
            "undisturbed": statistics.median(reply["undisturbed"] for reply in rounds),
            "lastLoss": rounds[-1]["lastLoss"], "versions": rounds[-1].get("versions"),
        }  # fmt: skip


def draw(rows, circumstances, path):
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.fonttype"] = "none"
    matplotlib.rcParams["svg.hashsalt"] = "latent"
    import matplotlib.pyplot as plt

    names = list(dict.fromkeys(row["framework"] for row in rows))
    networks = list(dict.fromkeys(row["network"] for row in rows))
    figure, axes = plt.subplots(1, len(networks), figsize=(5.5 * len(networks), 4), squeeze=False, sharey=True)
    for axis, network in zip(axes[0], networks):
        batches = list(dict.fromkeys(row["batch"] for row in rows if row["network"] == network))
        for index, name in enumerate(names):
            found = {row["batch"]: row for row in rows if row["network"] == network and row["framework"] == name}
            places = [i + (index - (len(names) - 1) / 2) * 0.8 / len(names) for i in range(len(batches))]
            rates = [batch / found[batch]["medianMs"] for batch in batches]
            lower = [rate - batch / found[batch]["highestMs"] for rate, batch in zip(rates, batches)]
            upper = [batch / found[batch]["lowestMs"] - rate for rate, batch in zip(rates, batches)]
            label = {
                "fused": "Latent", "fused-gathered": "Latent, first layer gathered",
                "openblas": "OpenBLAS, separate passes",
            }.get(name, name)
            axis.bar(places, rates, 0.8 / len(names), yerr=(lower, upper), label=label, error_kw={"lw": 0.8})
        axis.set_xticks(range(len(batches)), [f"batch {batch}" for batch in batches])
        axis.set_title(network)
        axis.spines[["top", "right"]].set_visible(False)
    axes[0][0].set_ylabel("thousand samples a second")
    axes[0][0].legend(frameon=False, fontsize=8)
    figure.suptitle(
        f"One ELBO gradient step with Adam, {arguments.threads} threads\nwhiskers: slowest and fastest round",
        fontsize=10,
    )
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    latent = Server([arguments.latent, "serve", "--threads", str(arguments.threads)])
    peers = Server([sys.executable, os.path.join(here, "elbo_step.py"), "--threads", str(arguments.threads)])
    frameworks = arguments.frameworks.split(",")
    if "fused" not in frameworks:
        sys.exit("--frameworks needs fused: everything is compared with it")
    servers = {name: peers if name in PEERS else latent for name in frameworks}
    (busy, total), own = busy_seconds(), own_seconds((latent, peers))
    rows, peaks, pings = [], [], []
    for network in arguments.networks.split(","):
        for batch in map(int, arguments.batches.split(",")):
            replies = measure(servers, network, batch, frameworks)
            rows += summarize(network, batch, replies)
            peaks += [reply["peakGFLOPS"] for reply in replies["fused"]]
            pings += [reply["pingPongNs"] for reply in replies["fused"]]
            print(f"{network}, batch {batch}: done", file=sys.stderr)
    (busy_after, total_after), own_after = busy_seconds(), own_seconds((latent, peers))
    with open("/proc/cpuinfo") as file:
        processor = next((line.split(":")[1].strip() for line in file if line.startswith("model name")), "unknown")
    versions = {key: value for row in rows for key, value in (row.pop("versions") or {}).items()}
    circumstances = {
        "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "processor": processor, "threads": arguments.threads, "rounds": arguments.rounds,
        "secondsEach": arguments.seconds, "peakGFLOPS": statistics.median(peaks),
        "pingPongNs": statistics.median(pings), "pingPongLowestNs": min(pings), "pingPongHighestNs": max(pings),
        "othersShare": max(0, busy_after - busy - (own_after - own)) / (total_after - total), "versions": versions,
    }  # fmt: skip
    show(rows, circumstances)
    with open(os.path.join(arguments.output, "comparison.json"), "w") as file:
        json.dump({"circumstances": circumstances, "rows": rows}, file, indent=1)
        file.write("\n")
    draw(rows, circumstances, os.path.join(arguments.output, "comparison.svg"))


def show(rows, circumstances):
    if circumstances["othersShare"] > 0.15:
        print("Other processes had much of this machine: these ratios are not to be quoted.\n")
    for key, value in circumstances.items():
        print(f"{key}: {value:.3g}" if isinstance(value, float) else f"{key}: {value}")
    print("\n| network | batch | framework | median ms | rounds from … to | times Latent | from … to | of peak | undisturbed |")
    print("|---|---:|---|---:|---:|---:|---:|---:|---:|")
    for row in rows:
        peak = f"{row['fractionOfPeak']:.2f}" if row["fractionOfPeak"] else ""
        print(
            f"| {row['network']} | {row['batch']} | {row['framework']} | {row['medianMs']:.3f} "
            f"| {row['lowestMs']:.3f} … {row['highestMs']:.3f} | {row['timesLatent']:.2f} "
            f"| {row['ratioLowest']:.2f} … {row['ratioHighest']:.2f} | {peak} | {row['undisturbed']:.2f} |"
        )


main()
