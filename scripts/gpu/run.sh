#!/usr/bin/env bash
# One entry command for a GPU host: unpacks what was carried, checks each need, builds the addon against the host's
# torch and runs stages whose results are kept as they come. Installs nothing on the host, needs no network.
#
#   scripts/gpu/run.sh [options] STAGE...       stages: build probe correctness train-full train-lora generate bench all
#     --device cuda|cuda:N|cpu   cpu goes through the same code at small sizes (default cuda)
#     --shape, --layers, ...     passed on to the benchmark (npm run bench -- gpu)
#     --limit SECONDS            all of it ends within this time (default 570)
#
#   PYTHON        Python with torch 2.11 to 2.14 (default python3)
#   OUT           folder for the page, the entries and the logs (default bench/results)
#   MIRA_ADDON    an addon already built: nothing is compiled
#   MIRA_GPU_WORK folder for what is unpacked and built (default build-gpu)     MIRA_JOBS  compilers at a time
set -euo pipefail
SECONDS=0
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cd "$root"
work=${MIRA_GPU_WORK:-$root/build-gpu}
carried=$root/.gpu
device=cuda limit=570 pass=() stages=()
say() { printf '%s\n' "$*"; }
fail() { printf 'run.sh: %s\n' "$*" >&2; exit 1; }

while [ $# -gt 0 ]; do
  case $1 in
    --device) device=${2:?--device: expected cuda, cuda:N or cpu}; shift 2 ;;
    --limit) limit=${2:?--limit: expected seconds}; shift 2 ;;
    --*) pass+=("$1" "${2:?$1: expected a value}"); shift 2 ;;
    build|probe|correctness|train-full|train-lora|generate|bench|all) stages+=("$1"); shift ;;
    *) fail "expected a stage (build, probe, correctness, train-full, train-lora, generate, bench, all), received '$1'" ;;
  esac
done
[ ${#stages[@]} -gt 0 ] || fail "expected at least one stage, for example: scripts/gpu/run.sh probe correctness"
mkdir -p "$work"
if [ -n "${OUT:-}" ]; then mkdir -p "$OUT"; fi

# -- Python and its torch ------------------------------------------------------------------------------------
python=$(command -v "${PYTHON:-python3}") || fail "no ${PYTHON:-python3} on PATH: name a Python that has torch in PYTHON"
torch=$("$python" - <<'PY'
import importlib.util, os, sys
spec = importlib.util.find_spec("torch")
if spec is None: sys.exit(f"{sys.executable} has no torch: install torch 2.11 to 2.14, or name another Python in PYTHON")
import torch
major, minor = (int(part) for part in torch.__version__.split(".")[:2])
if (major, minor) < (2, 11) or (major, minor) > (2, 14): sys.exit(f"torch 2.11 to 2.14 is supported, {sys.executable} has {torch.__version__}")
print(os.path.dirname(torch.__file__), torch.__version__, torch.version.cuda or "none", torch.cuda.is_available())
PY
) || exit 1
read -r libtorch version cuda sees <<<"$torch"
if [ "$device" != cpu ]; then
  [ "$cuda" != none ] || fail "torch $version of $python is a CPU build: install a CUDA build, or give --device cpu"
  [ "$sees" = True ] || fail "torch $version of $python sees no GPU: nvidia-smi must list one and its driver must support CUDA $cuda; or give --device cpu"
fi
"$python" -c 'import numpy' 2>/dev/null || fail "$python has no numpy, which the probes and Hugging Face need: install numpy"

# -- Node, packages and ninja: the checkout's own, else what was carried -----------------------------------------
unpack() {
  [ -f "$carried/payload.tar.xz" ] || fail "$1, and there is no $carried/payload.tar.xz to take it from: make it with scripts/gpu/pack.mjs --into .gpu"
  local mark=$work/payload/.mark
  if [ ! -f "$mark" ] || [ "$carried/payload.tar.xz" -nt "$mark" ]; then
    rm -rf "$work/payload"
    mkdir -p "$work/payload"
    "$python" -W ignore -c 'import sys, tarfile; tarfile.open(sys.argv[1]).extractall(sys.argv[2])' \
      "$carried/payload.tar.xz" "$work/payload" || fail "cannot unpack $carried/payload.tar.xz into $work/payload"
    touch "$mark"
  fi
}
node_fits() { "$1" -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a === 20 && b >= 17) ? 0 : 1)' 2>/dev/null; }
node=$(command -v node || true)
if [ -z "$node" ] || ! node_fits "$node"; then
  unpack "there is no Node 20.17 or newer"
  node=$work/payload/bin/node
  node_fits "$node" || fail "the carried Node does not run here: $("$node" --version 2>&1 | head -1)"
fi
PATH=$(dirname "$node"):$PATH
if [ ! -e node_modules/tsx/package.json ] || [ ! -e node_modules/node-addon-api/package.json ]; then
  unpack "node_modules lacks packages"
  rm -rf "$work/node_modules.old"
  if [ -L node_modules ]; then rm node_modules; elif [ -e node_modules ]; then mv node_modules "$work/node_modules.old"; fi
  ln -s "$work/payload/node_modules" node_modules
fi

# -- Hugging Face's side: the host's own, else what was carried ---------------------------------------------------
if ! "$python" -c 'import transformers, peft; transformers.Gemma3ForCausalLM' 2>/dev/null; then
  if [ -f "$carried/payload.tar.xz" ]; then
    unpack "transformers and peft are missing"
    if [ -d "$work/payload/site" ]; then export PYTHONPATH="$work/payload/site${PYTHONPATH:+:$PYTHONPATH}"; fi
  fi
  "$python" -c 'import transformers, peft; transformers.Gemma3ForCausalLM' 2>"$work/hf.log" ||
    say "Hugging Face's side is left out: $python cannot import transformers and peft ($(tail -1 "$work/hf.log"))"
fi
export MIRA_BENCH_PYTHON=$python

# -- the addon ----------------------------------------------------------------------------------------------------
# Tools that come as Python packages lie beside that Python and not always on PATH.
find_tool() { command -v "$1" || { [ -x "$(dirname "$python")/$1" ] && printf '%s/%s' "$(dirname "$python")" "$1"; } || true; }
build() {
  local cmake cxx major nvcc="" generator=Ninja ninja want=OFF
  cmake=$(find_tool cmake)
  [ -n "$cmake" ] || fail "no cmake on PATH or beside $python: install CMake 3.22 or newer"
  cxx=${CXX:-$(command -v g++ || true)}
  [ -n "$cxx" ] || fail "no g++ on PATH: install g++ 11 or newer, or name a C++20 compiler in CXX"
  major=$("$cxx" -dumpversion | cut -d. -f1)
  if "$cxx" --version | grep -qi 'g++\|gcc' && [ "$major" -lt 11 ]; then fail "$cxx is version $major: g++ 11 or newer is needed"; fi
  if [ "$device" != cpu ]; then
    want=ON
    for candidate in "$(command -v nvcc || true)" "${CUDA_HOME:+$CUDA_HOME/bin/nvcc}" /usr/local/cuda/bin/nvcc; do
      if [ -n "$candidate" ] && [ -x "$candidate" ]; then nvcc=$candidate; break; fi
    done
    [ -n "$nvcc" ] || fail "no nvcc on PATH, in CUDA_HOME or /usr/local/cuda: install the CUDA toolkit of torch's CUDA ($cuda)"
    export CUDACXX=$nvcc
  fi
  ninja=$(find_tool ninja)
  if [ -z "$ninja" ] && [ -f "$carried/payload.tar.xz" ]; then unpack "there is no ninja"; ninja=$work/payload/bin/ninja; fi
  if [ -z "$ninja" ]; then generator="Unix Makefiles"; command -v make >/dev/null || fail "no ninja and no make on PATH: install one"; fi
  say "building against torch $version in $libtorch, CUDA $want (log: $work/build.log)"
  # shellcheck disable=SC2086
  if ! { "$cmake" -G "$generator" ${ninja:+-DCMAKE_MAKE_PROGRAM="$ninja"} -S "$root" -B "$work/addon" -DLIBTORCH="$libtorch" \
           -DCMAKE_CXX_COMPILER="$cxx" -DMIRA_CUDA=$want -DMIRA_KERNEL_CHECK=ON &&
         "$cmake" --build "$work/addon" -j "${MIRA_JOBS:-$(nproc)}"; } >"$work/build.log" 2>&1; then
    grep -n -m5 -i 'error' "$work/build.log" >&2 || true
    tail -30 "$work/build.log" >&2
    if [ -n "${OUT:-}" ]; then cp "$work/build.log" "$OUT/"; fi
    fail "the build failed after ${SECONDS} s; the whole log is $work/build.log"
  fi
  if [ -n "${OUT:-}" ]; then tail -c 200000 "$work/build.log" >"$OUT/build.log"; fi
  say "built in ${SECONDS} s"
}
if [ -z "${MIRA_ADDON:-}" ]; then
  build
  export MIRA_ADDON=$work/addon/Release/mira.node
fi
export MIRA_KERNEL_CHECK=${MIRA_KERNEL_CHECK:-$(dirname "$MIRA_ADDON")/mira_kernel_check}
"$node" -e 'const { cuda, torch } = require(process.argv[1]).info(); console.log(`addon on LibTorch ${torch}, ${cuda.devices.length} CUDA devices`)' "$MIRA_ADDON" ||
  fail "the addon does not load; see above"

# -- stages -------------------------------------------------------------------------------------------------------
run=()
for stage in "${stages[@]}"; do
  case $stage in
    build) ;;
    all) run+=(probe correctness bench) ;;
    *) run+=("$stage") ;;
  esac
done
[ ${#run[@]} -gt 0 ] || exit 0
left=$((limit - SECONDS))
[ $left -ge 20 ] || fail "only $left s of the limit of $limit s are left after the build: run the stages again, the build is kept"
defaults=()
case $device in cpu) case " ${pass[*]-} " in *" --shape "*) ;; *) defaults=(--shape tiny) ;; esac ;; esac
exec "$node" --import tsx bench/main.ts gpu --device "$device" --budget "$left" --entries "$work/entries.jsonl" \
  ${defaults[@]+"${defaults[@]}"} ${pass[@]+"${pass[@]}"} "${run[@]}"
