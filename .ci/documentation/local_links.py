#!/usr/bin/env python3
"""Makes links between our modules plain code: local_links.py DIRECTORY of symbol graphs, a folder a
module. docc resolves a link within one module; a comment in LatentModels that names ``ShapeError`` of
LatentKernels would be a warning."""
import json
import pathlib
import re
import sys

root = pathlib.Path(sys.argv[1])
graphs = {path: json.loads(path.read_text()) for path in root.glob("*/*.symbols.json")}
names = {}
for path, graph in graphs.items():
    names.setdefault(path.parent.name, set()).update(
        symbol["pathComponents"][0] for symbol in graph["symbols"] if "/Sources/" in
        symbol.get("location", {}).get("uri", ""))
for path, graph in graphs.items():
    others = set().union(*(found for module, found in names.items() if module != path.parent.name))
    foreign = others - names[path.parent.name]

    def plain(match):
        return f"`{match[1]}`" if re.split(r"[/.]", match[1])[0] in foreign else match[0]

    for symbol in graph["symbols"]:
        for line in symbol.get("docComment", {}).get("lines", []):
            line["text"] = re.sub(r"``([^`]+)``", plain, line["text"])
    path.write_text(json.dumps(graph))
