"""A model on paper of training over hosts: milliseconds of a sum, and of a step.

    python3 .ci/network/model.py check LATENCY_US MBIT      sums at 2, 3 and 4 hosts, beside `.ci/hosts sums`
    python3 .ci/network/model.py scale LATENCY_US MBIT      steps at 1 ... 1,024 hosts

LATENCY is of a small message one way, software and link: half of what a sum of 8 bytes over 2 hosts takes.
"""

import math
import sys

# 784-400-20: the messages of a step in the order in which the backward pass has them (decoder's output layer;
# the small layers; encoder's first layer): bytes, and the part of the multiply-adds done by then.
SLICES = [(4 * 314386, 0.588), (4 * 24440, 0.808), (4 * 314000, 1.0)]
EAGER = 65536  # bytes below which TCP sends at once; from there on both sides meet first: two more latencies


def message(bytes_, latency, rate):
    """One message, milliseconds."""
    return latency * (1 if bytes_ < EAGER else 3) + bytes_ / rate


def ring(bytes_, hosts, latency, rate):
    return 2 * (hosts - 1) * message(bytes_ / hosts, latency, rate)


def halving(bytes_, hosts, latency, rate):
    """Rabenseifner: halves are summed, then gathered; for powers of two."""
    return 2 * sum(message(bytes_ / 2 ** (i + 1), latency, rate) for i in range(int(math.log2(hosts))))


def binomial(bytes_, hosts, latency, rate):
    """To rank 0 up a tree and back: the root's link carries its children's copies one after another."""
    rounds = math.ceil(math.log2(hosts))
    up = rounds * message(bytes_, latency, rate)
    down = sum(message(bytes_, latency, rate) for _ in range(rounds))
    return up + down


def total(bytes_, hosts, latency, rate):
    """What OpenMPI is asked for: halving for powers of two, else the ring."""
    if hosts == 1:
        return 0.0
    return (ring if hosts & (hosts - 1) else halving)(bytes_, hosts, latency, rate)


def step(hosts, compute, adam, latency, rate):
    """Milliseconds of a step, and the share of communication that is hidden.

    compute: forward and backward of this host's rows. Messages that are under way together share the wire, and
    wait out their latencies at the same time; they move as if the network card moved them.
    """
    free, spent, end = 0.0, 0.0, compute
    for bytes_, done in SLICES:
        cost, wire = total(bytes_, hosts, latency, rate), total(bytes_, hosts, 0.0, rate)
        spent += cost
        free = max(free, done * compute) + wire
        end = max(end, free + cost - wire)
    return end + adam, 1 - (end - compute) / spent if spent else 1.0


def main():
    job, latency, rate = sys.argv[1], float(sys.argv[2]) / 1e3, float(sys.argv[3]) / 8 * 1e3  # ms, bytes a ms
    if job == "check":
        for hosts in (2, 3, 4):
            for bytes_ in (8, 65536, 262144, 1300000):
                print(hosts, bytes_, *(f"{f(bytes_, hosts, latency, rate):.2f}" for f in (total, ring, binomial)))
        return
    # One thread of the machine that README's figures come from: 9.0 ms a batch of 512, of which Adam 0.3.
    for kind in ("512 rows in all", "512 rows a host"):
        print(kind)
        for hosts in (1, 2, 4, 8, 16, 64, 256, 1024):
            compute = 8.7 / (hosts if "all" in kind else 1)
            time, hidden = step(hosts, compute, 0.3, latency, rate)
            gain = 9.0 / time * (1 if "all" in kind else hosts)
            print(f"{hosts:5d} {time:8.2f} ms  {100 * hidden:4.0f} % hidden  {gain:7.1f} times one host "
                  f"({100 * gain / hosts:.0f} %)")


main()
