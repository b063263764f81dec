#!/bin/sh
# Make the Python environment the peers run in, outside the repository.
#
#   Benchmarks/Peers/environment.sh [DIRECTORY]     default: ${TMPDIR:-/tmp}/latent-peers
#
# Python 3.11 or newer. PYTHON names another interpreter. Running it again is harmless.
# The last line on standard output is the path of the environment's interpreter.
set -eu

here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
directory=${1:-${TMPDIR:-/tmp}/latent-peers}
case $directory in
-*) sed -n '2,/^set/s/^# \{0,1\}//p' "$0" >&2; exit 64 ;;
/*) ;;
*) directory=$PWD/$directory ;;
esac
python=${PYTHON:-python3}
command -v "$python" >/dev/null || {
    echo "environment.sh: there is no $python; PYTHON names another interpreter" >&2
    exit 1
}

"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    echo "environment.sh: $python is older than Python 3.11" >&2
    exit 1
}
command -v c++ >/dev/null 2>&1 || command -v g++ >/dev/null 2>&1 ||
    echo "environment.sh: no C++ compiler; torch-compiled will not run" >&2

if ! "$directory/bin/python" -m pip --version >/dev/null 2>&1; then
    if [ -e "$directory/pyvenv.cfg" ]; then
        # One that an interruption left without pip is made anew.
        "$python" -m venv --clear "$directory"
    elif [ -e "$directory" ] && [ -n "$(ls -A "$directory")" ]; then
        echo "environment.sh: $directory is no environment of Python's, and not empty; name another" >&2
        exit 1
    else
        "$python" -m venv "$directory"
    fi
fi
"$directory/bin/python" -m pip install --quiet --requirement "$here/requirements.txt" >&2
"$directory/bin/python" -c '
import torch, jax, numpy, sklearn, matplotlib, sys
for module in (torch, jax, numpy, sklearn, matplotlib):
    print(module.__name__, module.__version__, file=sys.stderr)'
echo "$directory/bin/python"
