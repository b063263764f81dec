"""Where a mutant can be: operators, constants and statements of the C kernels and the readers."""
import random, re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
READERS = """ByteSource ByteStream CSVField CSVReader CSVScanner DecimalNumber FileBytes GzipSource IDX
JSONCursor LoadOptions NPY NPYHeader NumericArray RowFile RowReader SafetensorsHeader SplitPart Tensor
TensorFile""".split()
# Lines that no test can see, and why.
EXCLUDED = [
    (r"prefetch|TILE_AHEAD", "a hint to the processor"),
    (r"SPINS|relax|ia32_pause", "how long a thread waits before it sleeps"),
    (r"aligned\(|_Alignas|posix_memalign", "alignment is for speed"),
    (r"__asm__|__attribute__|typedef .*vector_size", "no operator of ours"),
    (r"LATENT_LARGE_BYTES|nontemporal|sfence", "which way past the caches"),
    (r"LATENT_ONES_MOST", "which of two equal ways is faster"),
    (r"\breserve(Capacity)?\(", "room made beforehand"),
    (r"^\s*#|extern ", "no code"),
]
# Branches of the preprocessor that this machine or this compiler does not take.
DEAD = re.compile(r"__aarch64__|!defined\(__clang__\)|!LATENT_FUSED")
LIVE = re.compile(r"defined\(__(linux|clang|x86_64)__\)|defined\(__clang__\)")

SPACED = {
    "+": "-", "-": "+", "*": "/", "/": "*", "%": "/", "<": "<=", "<=": "<", ">": ">=", ">=": ">", "==": "!=",
    "!=": "==", "&&": "||", "||": "&&", "&": "|", "|": "&", "^": "&", "<<": ">>", ">>": "<<", "+=": "-=",
    "-=": "+=", "*=": "/=", "|=": "&=", "&=": "|=", "&+": "&-", "&-": "&+", "&*": "&+", "&<<": "&>>", "&>>": "&<<",
}


def blank(match):
    return re.sub(r"[^\n]", " ", match.group(0))


def code_of(path, text):
    """The text with comments, strings and what is not compiled here blanked out."""
    text = re.sub(r'//[^\n]*|/\*.*?\*/|"""(?:.|\n)*?"""|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', blank, text, flags=re.S)
    if path.suffix == ".swift":
        return text
    lines, stack = text.split("\n"), []
    for i, line in enumerate(lines):
        word = line.strip()
        if word.startswith("#if"):
            stack.append("dead" if DEAD.search(word) else "live" if LIVE.search(word) else "both")
        elif word.startswith(("#elif", "#else")) and stack:
            if stack[-1] == "live" or (stack[-1] == "dead" and word.startswith("#elif") and DEAD.search(word)):
                stack[-1] = "dead"
            elif stack[-1] == "dead":
                stack[-1] = "live"
        elif word.startswith("#endif") and stack:
            stack.pop()
        if "dead" in stack:
            lines[i] = " " * len(line)
    return "\n".join(lines)


def places(path, chance):
    """(line, column, old, new) for every operator, constant and plain statement of a file."""
    text = path.read_text()
    for number, (line, whole) in enumerate(zip(code_of(path, text).split("\n"), text.split("\n")), 1):
        if any(re.search(pattern, line) for pattern, _ in EXCLUDED):
            continue
        for match in re.finditer(r"(?<= )(&&|\|\||&<<|&>>|<<|>>|[<>=!]=|[-+*|&]=|&[-+*]|[-+*/%<>&|^])(?= )", line):
            if match.group(1) in SPACED:
                yield number, match.start(1), match.group(1), SPACED[match.group(1)]
        for match in re.finditer(r"\.\.<", line):
            yield number, match.start(), "..<", "..."
        for match in re.finditer(r"(?<![\w.])([01])(\.0)?(f?)(?![\w.])", line):
            if "_Alignas" not in line and not re.search(r"\benum\b|\bcase \d", line):
                new = {"0": ["1"], "1": ["0", "2"]}[match.group(1)]
                yield number, match.start(), match.group(0), chance.choice(new) + (match.group(2) or "") + match.group(3)
        statement = line.strip()
        end = ";" if path.suffix != ".swift" else ""
        if (re.fullmatch(r"(try )?[\w.>\[\]()*+ -]+( [-+*|&]?= .*|\(.*\))" + end, statement)
                and not re.match(r"(return|let|var|static|typedef|const|for|while|if|else|guard|case|func|switch|struct|init"
                                 r"|(un)?signed|size_t|float|double|int|bool|v[fdiulr]\b|vu|latent_\w+ \w|REAL|private|public)\b",
                                 statement) and statement.count("(") == statement.count(")")
                and statement.count("{") == statement.count("}")):
            column = len(line) - len(line.lstrip())
            yield number, column, whole[column:column + len(statement)], ";" if end else "do {}"


def mutants(language, seed, root=ROOT):
    if language == "c":
        files = sorted([*root.glob("CKernels/*.c"), *root.glob("CKernels/kernels/*.h")])
        files = [f for f in files if f.name != "gcc.h"] + [root / "CKernels/internal.h"]
    else:
        files = [root / f"Sources/LatentIO/{name}.swift" for name in READERS]
    chance, found = random.Random(seed), []
    for path in files:
        lines = path.read_text().split("\n")
        for line, column, old, new in places(path, chance):
            text = lines[line - 1]
            found.append({"language": language, "file": str(path.relative_to(root)), "line": line, "column": column, "old": old,
                          "new": new, "text": text.strip()})
    chance.shuffle(found)
    return found
