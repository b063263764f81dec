# The shared library exports what the header declares, each with a version, and nothing else; and it
# needs the C library only: NM READELF LIBRARY HEADER...
set -eu
nm=$1 readelf=$2 library=$3
shift 3
exported=$("$nm" -D --defined-only "$library" | awk '$2 != "A" { print $NF }' |
  grep -vxE '_init|_fini|_edata|_end|__bss_start' | sort)  # some linkers' own
# Functions in the header's code, not in its comments.
declared=$(cat "$@" | sed 's|//.*||' | grep -o 'latent_[a-z_]*(' | tr -d '(' | sort -u)
if [ "$(echo "$exported" | sed 's/@.*//')" != "$declared" ]; then
  echo "exported:" $exported
  echo "declared:" $declared
  exit 1
fi
if echo "$exported" | grep -v '@@LATENT_'; then
  echo "FAILED: these have no version"
  exit 1
fi
needed=$("$readelf" -d "$library" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p')
if echo "$needed" | grep -vE '^(libc|libm|libpthread|ld-linux.*)\.so'; then
  echo "FAILED: the library needs more than the C library"
  exit 1
fi
echo "$(echo "$exported" | wc -l) functions exported, as declared; needed:" $needed
