#!/usr/bin/env python3
"""Runs the code blocks of Markdown files: blocks.py BUILD FILE...

Blocks run in their order, each file in a directory of its own that begins empty. What a block's first
line says after its three ticks decides:

    sh                 runs with bash; `latent` is the one of the build
    sh if COMMAND      runs where COMMAND succeeds, and is named as skipped elsewhere
    swift              a program of its own, or a file that the next program is compiled with where it
                       begins with `// File.swift`
    c                  a program of its own, linked with the C library as CMake installs it
    text, json, ...    does not run: it shows what something looks like
    text REASON        does not run, and says why
    nothing            only the README's two commands, which .ci/run runs itself
"""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

root = pathlib.Path(__file__).resolve().parents[2]
build = pathlib.Path(sys.argv[1]).resolve()
work = pathlib.Path(tempfile.mkdtemp())
modules = ["LatentKernels", "LatentNetworks", "LatentModels", "LatentIO", "LatentReport"]


def run(command, directory, **environment):
    path = f"{work}/bin:{os.environ['PATH']}"
    result = subprocess.run(
        command, cwd=directory, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, errors="replace", env={**os.environ, "PATH": path, **environment})
    if result.returncode:
        raise RuntimeError(f"exit code {result.returncode}\n" + result.stdout[-4000:])
    return result.stdout


def swift_library():
    """All objects of our libraries in one archive, made once."""
    archive = work / "liblatent.a"
    if not archive.exists():
        objects = [path for module in modules + ["CKernels"]
                   for path in sorted((build / f"{module}.build").rglob("*.o"))]
        run(["ar", "crs", archive, *objects], work)
    return archive


def swift(directory, sources):
    flags = ["-Xcc", f"-fmodule-map-file={build}/CKernels.build/module.modulemap",
             "-Xcc", f"-I{root}/CKernels/include"]
    for module_map in root.glob("Sources/*/module.modulemap"):
        flags += ["-Xcc", f"-fmodule-map-file={module_map}"]
    run(["swiftc", "-swift-version", "6", "-warnings-as-errors", "-I", build / "Modules", *flags, *sources,
         swift_library(), "-llapacke", "-lopenblas", "-lz", "-lpng", "-lm", "-o", "program"], directory)
    run(["./program"], directory)


def c_library():
    installed = work / "installed"
    if not installed.exists():
        run(["cmake", "-S", root / "CKernels", "-B", work / "cmake", "-DBUILD_TESTING=OFF",
             f"-DCMAKE_INSTALL_PREFIX={installed}", "-DCMAKE_INSTALL_LIBDIR=lib"], work)
        run(["cmake", "--build", work / "cmake", "--parallel", "2"], work)
        run(["cmake", "--install", work / "cmake"], work)
    return installed


def c(directory, source):
    flags = run(["pkg-config", "--cflags", "--libs", "latent_kernels"], directory,
                PKG_CONFIG_PATH=str(c_library() / "lib/pkgconfig")).split()
    run(["cc", "-std=c11", "-Wall", "-Wextra", "-Werror", source, *flags, "-lm", "-o", "program"], directory)
    run(["./program"], directory, LD_LIBRARY_PATH=str(c_library() / "lib"))


def blocks(text):
    for match in re.finditer(r"^```([^\n]*)\n(.*?)^```$", text, re.M | re.S):
        yield text[:match.start()].count("\n") + 1, match[1].strip(), match[2]


def execute(info, content, directory, number, files):
    kind, _, rest = info.partition(" ")
    if kind == "sh":
        condition = rest.removeprefix("if ")
        if rest and subprocess.run(
                ["bash", "-c", condition], cwd=directory, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                env={**os.environ, "PATH": f"{work}/bin:{os.environ['PATH']}"}).returncode:
            return f"skipped: not here: {condition}"
        run(["bash", "-euo", "pipefail", "-c", content], directory)
    elif kind == "swift":
        named = re.match(r"// (\w+\.swift)\n", content)
        name = named[1] if named and named[1] != "main.swift" else "main.swift"
        (directory / name).write_text(content)
        if name != "main.swift":
            files.append(name)
            return f"file {name}"
        swift(directory, ["main.swift", *files])
    elif kind == "c" and not shutil.which("cmake"):
        return "skipped: no cmake"
    elif kind == "c":
        (directory / "program.c").write_text(content)
        c(directory, "program.c")
    elif kind == "":
        for line in content.strip().split("\n"):
            command = line.split(" && ")[-1]
            if command not in (root / ".ci/run").read_text():
                raise RuntimeError(f".ci/run does not run: {command}")
        return "run by .ci/run"
    else:
        return None
    return "ran"


def main():
    (work / "bin").mkdir()
    (work / "bin/latent").symlink_to(build / "latent")
    failures = ran = 0
    for name in sys.argv[2:]:
        directory = work / pathlib.Path(name).stem
        directory.mkdir()
        files = []
        for number, (line, info, content) in enumerate(blocks(pathlib.Path(name).read_text())):
            start = time.monotonic()
            try:
                verdict = execute(info, content, directory, number, files)
            except RuntimeError as error:
                verdict = f"FAILED: {error}"
                failures += 1
            ran += verdict == "ran"
            if verdict:
                print(f"{name}:{line}: {info or 'command'}: {verdict} ({time.monotonic() - start:.1f} s)", flush=True)
    print(f"{ran} blocks ran, {failures} failed")
    shutil.rmtree(work)
    return failures > 0 or ran == 0


sys.exit(main())
