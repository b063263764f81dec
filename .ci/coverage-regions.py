"""Regions of Swift sources that tests enter, from `llvm-cov export` on standard input."""

import json
import os
import sys

root, sources = sys.argv[1], sys.argv[2:]
wanted = {os.path.join(root, source): source for source in sources}
counts = {}
for function in json.load(sys.stdin)["data"][0]["functions"]:
    for line, column, last_line, last_column, count, file, _, kind in function["regions"]:
        source = wanted.get(function["filenames"][file])
        # Generic code has a function for each of its specializations.
        if source and kind == 0:
            key = (source, line, column, last_line, last_column)
            counts[key] = counts.get(key, 0) + count

failed = False
total = [0, 0]
for source in sources:
    regions = {key: count for key, count in counts.items() if key[0] == source}
    entered = sum(count > 0 for count in regions.values())
    total = [total[0] + entered, total[1] + len(regions)]
    share = 100 * entered / len(regions)
    failed |= share < 95
    print(f"{os.path.basename(source):32} {entered:4} of {len(regions):4} regions {share:6.1f} %")
    lines = open(os.path.join(root, source), encoding="utf-8").read().split("\n")
    for (_, line, column, last_line, last_column), count in sorted(regions.items()):
        if count == 0:
            end = last_column - 1 if last_line == line else None
            print(f"    line {line}: {lines[line - 1][column - 1:end][:70]}")
print(f"{'all':32} {total[0]:4} of {total[1]:4} regions {100 * total[0] / total[1]:6.1f} %")
sys.exit(failed)
