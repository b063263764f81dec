"""Loads of a valgrind trace (standard input) that recent stores cannot forward to, by instruction."""

import bisect
import collections
import sys

# A store leaves the core's buffer some hundred instructions later. What happens once a row is no matter.
RECENT, MOST = 400, 100

symbols = []
for line in open(sys.argv[1]):
    address, kind, name = line.split()[-3:]
    if kind in "tT":
        symbols.append((int(address, 16), name))

stored = {}  # the last store to each byte: its number and its time
loads, waiting = 0, collections.Counter()
number = time = instruction = 0
for line in sys.stdin:
    kind = line[:3].strip()
    if kind not in ("I", "L", "S", "M"):
        continue
    start, size = line[3:].split(",")
    start, size = int(start, 16), int(size)
    if kind == "I":
        instruction = start
        time += 1
        continue
    if kind in "LM" and symbols[0][0] <= instruction < symbols[-1][0]:  # else a library's
        loads += 1
        owners = set()
        for byte in range(start, start + size):
            last = stored.get(byte)
            owners.add(last[0] if last and time - last[1] < RECENT else None)
        if len(owners) > 1:
            waiting[instruction] += 1
    if kind in "SM":
        number += 1
        for byte in range(start, start + size):
            stored[byte] = (number, time)

if loads < 1_000_000:
    sys.exit(f"only {loads} loads of the kernels were traced: is valgrind's lackey there?")
failed = False
for address, count in waiting.most_common():
    at = bisect.bisect(symbols, (address, "~")) - 1
    wrong = count > MOST
    failed |= wrong
    if wrong or count > 10:
        print(f"{symbols[at][1]}+{address - symbols[at][0]:#x}: {count} loads{'  FAILED' if wrong else ''}")
print(f"{loads} loads; {sum(waiting.values())} waited for stores")
sys.exit(failed)
