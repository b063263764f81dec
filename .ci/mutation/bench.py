"""A clone in which one thing at a time is changed, compiled and tested."""
import json, os, re, resource, shutil, signal, subprocess, sys, time
from pathlib import Path

from places import READERS, ROOT

# The programs for the sets that are compiled first; the other sets differ in no source.
C_TESTS = [
    "refused", "sequences", "pools", "edges", "values --isa avx512", "moments --isa avx512", "train",
    "quota", "memory --isa avx512 --shapes 30", "paths --isa avx512", "threads", "scarce", "moments --isa avx2 --cases 20",
    "memory --isa avx2 --shapes 10", "paths --isa avx2", "fuzz --isa avx512 --plans 60000",
]
# The bit contract, as .ci/bits compares it: all of these print the same.
SAME_BITS = [f"digest --isa {isa} --threads {n} --every 1000003 --only relu" for isa, n in
             (("avx512", 1), ("avx512", 3), ("avx2", 2))]
# The kinds of BackendTests that concern a file; other files' mutants meet the C programs first.
KINDS = {
    "adam.h": "adam,linearBackwardWeights,varianceBackward", "likelihood.h": "likelihood,varianceBackward,logDensity",
    "likelihood_forward.h": "likelihood", "log_density.h": "logDensity,varianceBackward",
    "linear.h": "linearForward,linearBackwardInput", "load.h": "loadRows", "objective.h": "drawWeights,weighRows",
    "reparameterize.h": "reparameterize,klGate,reparameterizeBackward", "update.h": "linearBackwardWeights",
    "weights.h": "linearBackwardWeights",
}
BACKENDS, OTHERS = r"KernelsTests\.BackendTests", r"KernelsTests\.(?!BackendTests|AccuracyTests|ProfileTests)"
# Where several ranks share a file's rows.
RANKS = r"ModelsTests\.RankedRowFileTests"
# The other sets have the same bits, as the C programs find; and nobody reads the backtraces.
ENVIRONMENT = {"SWIFT_BACKTRACE": "enable=no", "LATENT_BACKENDS": "fused avx512, 3"}


def run(command, output, cpu=20, patience=60, env={}, **more):
    """The exit code; "timeout" past `cpu` seconds of work, or `patience` without an end. Time while
    the machine has stopped the process does not count."""
    def limit():
        os.setsid()
        resource.setrlimit(resource.RLIMIT_CPU, (cpu, cpu + 5))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with open(output, "wb") as log:
        child = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, preexec_fn=limit,
                                 env={**os.environ, **env}, **more)
        waited, last = 0.0, time.monotonic()
        try:
            while True:
                try:
                    code = child.wait(0.2)
                    return "timeout" if code in (-signal.SIGXCPU, 152) else code
                except subprocess.TimeoutExpired:
                    pass
                now, state = time.monotonic(), "R"
                try:
                    state = Path(f"/proc/{child.pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
                except OSError:
                    pass
                if state != "T":
                    waited += min(now - last, 1)
                last = now
                if waited > patience:
                    return "timeout"
                if os.path.getsize(output) > 1 << 28:
                    return "flood"
        finally:
            if child.poll() is None:
                os.killpg(child.pid, signal.SIGKILL)
                child.wait()


class Bench:
    """A clone, its builds, and what its unchanged tests say."""

    def __init__(self, work, commit, quick):
        self.quick = quick
        self.work = Path(work).resolve()
        self.clone, self.build, self.c = self.work / "clone", self.work / "build", self.work / "c"
        self.c.mkdir(parents=True, exist_ok=True)
        self.log = self.work / "log"
        head = subprocess.check_output(["git", "rev-parse", commit], cwd=ROOT, text=True).strip()
        if not self.clone.exists():
            subprocess.run(["git", "clone", "-q", str(ROOT), str(self.clone)], check=True)
        subprocess.run(["git", "fetch", "-q", "origin", head], cwd=self.clone, check=True)
        subprocess.run(["git", "checkout", "-qf", head], cwd=self.clone, check=True)
        print("building the tests unchanged", file=sys.stderr)
        self.must(["swift", "build", "--build-tests", "--scratch-path", str(self.build)], cwd=self.clone, timeout=3600)
        self.manifest = (self.build / "debug.yaml").read_text()
        # The manifest tells how SwiftPM compiles a module and links the tests.
        self.link = self.arguments(r"C\.swift-\w+PackageTests-.*\.test")
        self.compile = self.arguments(r"C\.LatentIO-.*\.module")
        self.objects = Path(next(a for a in self.link if a.startswith("@"))[1:]).read_text().split("\n")
        self.sources = [s for s in re.split(r"\n", Path(next(a for a in self.compile if a.startswith("@"))[1:]).read_text()) if s]
        self.pieces = sorted([*self.clone.glob("CKernels/*.c"), *self.clone.glob("CKernels/isa/*.c")])
        self.plain = {p.name: self.compile_c(p, self.c / (p.name + ".o")) for p in self.pieces}
        for test in self.clone.glob("CKernels/tests/*.c"):
            self.must(self.clang(test, self.c / ("test-" + test.stem + ".o")))
        # Once a commit.
        checked = self.work / "checked"
        if not checked.exists() or checked.read_text() != head:
            self.check_unchanged()
            checked.write_text(head)

    def must(self, command, timeout=600, **more):
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, **more)
        if done.returncode:
            sys.exit(f"{' '.join(command[:4])} failed:\n{(done.stdout + done.stderr)[-3000:]}")

    def arguments(self, name):
        match = re.search(r'"' + name + r'":\n(?:    .*\n)*?    args: (\[.*\])', self.manifest)
        return json.loads(match.group(1))

    def clang(self, source, output):
        return ["clang", "-std=c11", "-D_POSIX_C_SOURCE=200112L", "-O1", "-ffp-contract=off", "-fPIC", "-w",
                "-ICKernels/include", "-I" + str(self.clone / "CKernels/include"), "-c", str(source), "-o", str(output)]

    def compile_c(self, source, output):
        done = subprocess.run(self.clang(source, output), capture_output=True)
        return output if done.returncode == 0 else None

    def c_program(self, name, objects, output):
        extra = [] if name == "train" else [self.c / "test-step.o", self.c / "test-guard.o"]
        self.must(["clang", "-fuse-ld=lld", str(self.c / f"test-{name}.o"), *map(str, extra), *map(str, objects), "-o",
                   str(output), "-lm", "-lpthread"])

    def swift_tests(self, replaced, suite, directory, limit, kinds=None):
        """None, or what failed. Past `limit` seconds of work, some eight times what the tests take, they hang."""
        listed = [next((new for old, new in replaced.items() if o.strip('"').endswith(old)), o) for o in self.objects]
        if sum(a != b for a, b in zip(listed, self.objects)) != len(replaced):
            sys.exit(f"cannot find {list(replaced)} among the linked objects")
        (directory / "objects").write_text("\n".join(map(str, listed)))
        link, program = list(self.link), directory / "tests.xctest"
        link[link.index("-o") + 1] = str(program)
        link.append("-use-ld=lld")
        link = [f"@{directory / 'objects'}" if a.startswith("@") else a for a in link]
        self.must(link, cwd=self.clone)
        code = run([str(program), "--testing-library", "swift-testing", "--filter", suite], self.log, cpu=limit,
                   patience=2 * limit + 60, env={**ENVIRONMENT, "LATENT_KINDS": kinds} if kinds else ENVIRONMENT,
                   cwd=self.build / "debug")
        if code:
            return f"{suite}: {code}"
        if not re.search(rb"Test run with [1-9]\d* tests? ", self.log.read_bytes()):
            sys.exit(f"no test ran: {suite}")
        return None

    def c_tests(self, objects, directory):
        outputs = set()
        for test in C_TESTS + SAME_BITS:
            name, *rest = test.split()
            if not (directory / name).exists():
                self.c_program(name, objects, directory / name)
            code = run([str(directory / name), *rest], self.log)
            if code:
                return f"{test}: {code}"
            if test in SAME_BITS:
                outputs.add("\n".join(l for l in self.log.read_text().split("\n") if ", " in l))
        return "digest: other bits" if len(outputs) > 1 else None

    def check_unchanged(self):
        print("running the tests unchanged", file=sys.stderr)
        directory = self.work / "unchanged"
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir()
        found = self.c_tests(list(self.plain.values()), directory)
        for suite, limit in ((BACKENDS, 120), (OTHERS, 120), ("IOTests", 15), (RANKS, 60)):
            found = found or self.swift_tests({}, suite, directory, limit)
        reader = self.clone / f"Sources/LatentIO/{READERS[0]}.swift"
        if found or self.try_swift(reader, directory)[0] != "survived":
            sys.exit(f"the tests fail without any change: {found or reader}")

    def try_one(self, mutant):
        path = self.clone / mutant["file"]
        original, times = path.read_text(), path.stat()
        lines = original.split("\n")
        line, column, old = lines[mutant["line"] - 1], mutant["column"], mutant["old"]
        assert line[column:column + len(old)] == old, mutant
        lines[mutant["line"] - 1] = line[:column] + mutant["new"] + line[column + len(old):]
        directory = self.work / "mutant"
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir()
        try:
            path.write_text("\n".join(lines))
            return self.try_c(path, directory) if mutant["language"] == "c" else self.try_swift(path, directory)
        finally:
            # As if nothing had been: the next build finds nothing to do.
            path.write_text(original)
            os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))

    def try_c(self, path, directory):
        changed = [path] if path.suffix == ".c" else \
            [p for p in self.pieces if path.name == "internal.h" or (p.parent.name == "isa" and p.name != "neon.c")]
        objects = dict(self.plain)

        def compiled(*sets):
            """Whether all that is changed compiles, of the instruction sets at least these."""
            for piece in changed:
                if (piece.parent.name != "isa" or piece.stem in sets) and objects[piece.name] == self.plain[piece.name]:
                    objects[piece.name] = self.compile_c(piece, directory / (piece.name + ".o"))
            return all(objects.values())

        def tested(suite, kinds=None):
            replaced = {f"/CKernels.build/{p.relative_to(self.clone / 'CKernels')}.o": objects[p.name] for p in changed}
            return self.swift_tests(replaced, suite, directory, 120, kinds)

        if not compiled("avx512"):
            return "invalid", "does not compile"
        found = path.name in KINDS and tested(BACKENDS, KINDS[path.name])
        if not found and compiled("avx512", "avx2"):
            if all(objects[n].read_bytes() == self.plain[n].read_bytes() for n in objects):
                return "same", "the compiler makes the same code of it"
            found = self.c_tests(list(objects.values()), directory)
        if not found:
            compiled("avx512", "avx2", "scalar", "baseline")
            found = (path.name not in KINDS and tested(BACKENDS)) or (not self.quick and tested(OTHERS))
        return ("caught", found) if found else ("survived", "")

    def try_swift(self, path, directory):
        # One file of the module, as the driver would compile it.
        drop = {"-emit-dependencies": 0, "-emit-module": 0, "-emit-module-path": 1, "-output-file-map": 1,
                "-incremental": 0, "-c": 0, "-enable-batch-mode": 0, "-serialize-diagnostics": 0, "-index-store-path": 1,
                "-parseable-output": 0, "-emit-objc-header": 0, "-emit-objc-header-path": 1}
        kept, at = [], 1
        while at < len(self.compile):
            word = self.compile[at]
            if word in drop:
                at += drop[word]
            elif not word.startswith(("@", "-j")):
                kept.append(word)
            at += 1
        output = directory / (path.name + ".o")
        command = [self.compile[0], "-frontend", "-c"]
        for source in self.sources:
            source = source.strip("'\"")
            command += ["-primary-file", source] if Path(source) == path else [source]
        done = subprocess.run(command + kept + ["-o", str(output)], capture_output=True, cwd=self.clone)
        if done.returncode:
            return "invalid", "does not compile"
        replaced = {f"/LatentIO.build/{path.name}.o": output}
        found = self.swift_tests(replaced, "IOTests", directory, 15) or self.swift_tests(replaced, RANKS, directory, 60)
        return ("caught", found) if found else ("survived", "")
