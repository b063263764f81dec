#!/usr/bin/env python3
"""Counts public symbols without a documentation comment in the symbol graphs of DIRECTORY, a folder
a module: undocumented.py DIRECTORY.

Left out is what has no place in our sources: members that the compiler synthesizes and what C headers
declare (the C header has comments of its own)."""
import json
import pathlib
import sys

missing = total = 0
for graph in sorted(pathlib.Path(sys.argv[1]).glob("*/*.symbols.json")):
    for symbol in json.loads(graph.read_text())["symbols"]:
        location = symbol.get("location")
        if not location or "/Sources/" not in location["uri"]:
            continue
        total += 1
        if "docComment" not in symbol:
            missing += 1
            line = location["position"]["line"] + 1
            name = ".".join(symbol["pathComponents"])
            print(f"{location['uri'].split('/Sources/')[-1]}:{line}: {name}")
print(f"{total} public symbols, {missing} without documentation")
sys.exit(missing > 0 or total == 0)
