# The shared library exports what the header declares, and nothing else: NM LIBRARY HEADER
set -eu
exported=$("$1" -D --defined-only "$2" | awk '{ print $NF }' |
  grep -vxE '_init|_fini|_edata|_end|__bss_start' | sort)  # some linkers' own
# Functions in the header's code, not in its comments.
declared=$(sed 's|//.*||' "$3" | grep -o 'latent_[a-z_]*(' | tr -d '(' | sort -u)
if [ "$exported" != "$declared" ]; then
  echo "exported:" $exported
  echo "declared:" $declared
  exit 1
fi
echo "$(echo "$exported" | wc -l) functions exported, as declared"
