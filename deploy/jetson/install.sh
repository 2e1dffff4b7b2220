#!/bin/bash
# Installs sideglance on a Jetson with JetPack 6, or 5 as far as that goes. Run it again whenever something has changed: what is
# right already is left alone. It has not been run on a Jetson yet (docs/hardware.md).
#
#   sudo ./install.sh --deb sideglance_VERSION_arm64.deb [--onnxruntime PATH] [--dry-run]
#
#   --deb FILE          the package
#   --onnxruntime PATH  an ONNX Runtime with TensorRT: a folder, an archive (.tgz), or a Python wheel (.whl) that holds
#                       libonnxruntime.so and libonnxruntime_providers_{shared,cuda,tensorrt}.so. Without it: the CPU
#   --dry-run           say what would be done, and do nothing
set -euo pipefail

# A test sets it to a folder that stands for /.
ROOT=${SIDEGLANCE_ROOT:-}
LIBRARIES=$ROOT/usr/lib/aarch64-linux-gnu
PLUGINS=$LIBRARIES/gstreamer-1.0
HOME_OF_RUNTIMES=$ROOT/opt/sideglance
ENVIRONMENT=$ROOT/etc/sideglance/environment
NODE=$ROOT/usr/lib/sideglance/node/bin/node

deb='' runtime='' dry_run=no problems=0

main() {
  while [ $# -gt 0 ]; do
    case $1 in
      --deb) deb=${2:?--deb needs a file}; shift 2 ;;
      --onnxruntime) runtime=${2:?--onnxruntime needs a path}; shift 2 ;;
      --dry-run) dry_run=yes; shift ;;
      -h | --help) sed -n '2,12s/^# \{0,1\}//p' "$0"; exit 0 ;;
      *) echo "install.sh: $1 is not known; --help tells what is" >&2; exit 2 ;;
    esac
  done
  [ -n "$deb" ] || { echo 'install.sh: --deb FILE is needed; --help tells more' >&2; exit 2; }
  [ -r "$deb" ] || { echo "install.sh: $deb cannot be read" >&2; exit 2; }
  if [ $dry_run = no ] && [ -z "$ROOT" ] && [ "$(id -u)" -ne 0 ]; then
    echo 'install.sh: run it with sudo, or with --dry-run' >&2
    exit 2
  fi

  check_machine
  check_cuda
  check_gstreamer
  check_power
  if [ $problems -gt 0 ]; then
    echo "install.sh: $problems to mend first; nothing was changed" >&2
    exit 1
  fi
  install_package
  [ -z "$runtime" ] || install_runtime
  finish
}

ok() { printf 'ok    %s\n' "$*"; }
warn() { printf 'warn  %s\n' "$*"; }
bad() { printf 'bad   %s\n' "$*"; problems=$((problems + 1)); }

# Runs a command that changes something, or says that it would.
act() {
  if [ $dry_run = yes ]; then printf 'would %s\n' "$*"; else "$@"; fi
}

check_machine() {
  local machine release revision
  machine=$(uname -m)
  [ "$machine" = aarch64 ] || bad "this is a $machine, and no Jetson: install the package by apt-get (docs/install.md)"
  if [ ! -r "$ROOT/etc/nv_tegra_release" ]; then
    bad 'there is no /etc/nv_tegra_release: this is no Jetson Linux (L4T)'
    return
  fi
  release=$(sed -n '1s/^# R\([0-9]*\).*/\1/p' "$ROOT/etc/nv_tegra_release")
  revision=$(sed -n '1s/.*REVISION: \([0-9.]*\).*/\1/p' "$ROOT/etc/nv_tegra_release")
  case $release in
    36) ok "L4T $release.$revision (JetPack 6)" ;;
    35) warn "L4T $release.$revision (JetPack 5): half precision needs TensorRT 10, and credentials a newer systemd: use fp32, and password files" ;;
    *) bad "L4T ${release:-?}: JetPack 6 (L4T 36) is supported, JetPack 5 (35) in part" ;;
  esac
}

check_cuda() {
  local version
  if [ -r "$ROOT/usr/local/cuda/version.json" ]; then
    version=$(sed -n '/"cuda" *:/,/}/s/.*"version" *: *"\([^"]*\)".*/\1/p' "$ROOT/usr/local/cuda/version.json" | head -1)
    ok "CUDA $version"
  else
    lacks CUDA 'nvidia-jetpack'
  fi
  one_of cuDNN 'nvidia-jetpack' "$LIBRARIES"/libcudnn.so.[0-9]
  one_of TensorRT 'nvidia-jetpack' "$LIBRARIES"/libnvinfer.so.[0-9] "$LIBRARIES"/libnvinfer.so.[0-9][0-9]
}

# Only a GPU runtime needs it; the CPU does without.
lacks() {
  if [ -n "$runtime" ]; then bad "$1 is not installed: sudo apt-get install $2"; else warn "$1 is not installed; the CPU does without"; fi
}

one_of() {
  local what=$1 package=$2 file
  shift 2
  for file in "$@"; do
    if [ -e "$file" ]; then
      ok "$what ($(basename "$file"))"
      return
    fi
  done
  lacks "$what" "$package"
}

check_gstreamer() {
  local plugin missing=''
  # CSI cameras, conversion by the VIC, decoders.
  for plugin in libgstnvarguscamerasrc.so libgstnvvidconv.so libgstnvvideo4linux2.so; do
    [ -e "$PLUGINS/$plugin" ] || missing="$missing $plugin"
  done
  if [ -z "$missing" ]; then ok "GStreamer plugins of JetPack"; else
    warn "GStreamer plugins of JetPack are missing:$missing (CSI cameras need them): sudo apt-get install nvidia-l4t-gstreamer"
  fi
}

check_power() {
  local mode
  if ! command -v nvpmodel >/dev/null; then
    warn 'nvpmodel is not there: the power mode is not known'
    return
  fi
  mode=$(nvpmodel -q 2>/dev/null | sed -n 's/^NV Power Mode: *//p')
  case $mode in
    MAXN*) ok "power mode $mode" ;;
    *) warn "power mode ${mode:-unknown}: a slower one than there is; \`sudo nvpmodel -m 0\` chooses the fastest, and models keep it over a restart" ;;
  esac
}

install_package() {
  local version installed
  version=$(dpkg-deb --field "$deb" Version)
  # shellcheck disable=SC2016  # dpkg-query's own syntax
  installed=$(dpkg-query --show --showformat='${db:Status-Status} ${Version}' sideglance 2>/dev/null || true)
  if [ "$installed" = "installed $version" ]; then
    ok "sideglance $version is installed"
  else
    act apt-get install -y --no-install-recommends "$(realpath "$deb")"
  fi
}

install_runtime() {
  local unpacked library target digest
  unpacked=$(mktemp -d)
  # shellcheck disable=SC2064  # as it is now
  trap "rm -rf '$unpacked'" EXIT
  case $runtime in
    *.whl | *.zip) python3 -m zipfile -e "$runtime" "$unpacked" ;;
    *.tgz | *.tar.gz) tar -xzf "$runtime" -C "$unpacked" ;;
    *) cp -a "$runtime/." "$unpacked/" ;;
  esac
  library=$(find "$unpacked" -name 'libonnxruntime.so*' \( -type f -o -type l \) | sort | head -1)
  if [ -z "$library" ]; then
    echo "install.sh: there is no libonnxruntime.so in $runtime; a wheel need not have one (docs/hardware.md)" >&2
    exit 1
  fi
  for name in shared cuda tensorrt; do
    if [ ! -e "$(dirname "$library")/libonnxruntime_providers_$name.so" ]; then
      echo "install.sh: libonnxruntime_providers_$name.so is missing in $runtime: it was built without it" >&2
      exit 1
    fi
  done
  # Each runtime has a folder of its own, so that the one in use is never written over.
  digest=$(sha256sum "$library" | cut -c1-12)
  target=$HOME_OF_RUNTIMES/onnxruntime-$digest
  if [ -e "$target/libonnxruntime.so" ]; then
    ok "this ONNX Runtime lies in $target"
  else
    act mkdir -p "$HOME_OF_RUNTIMES"
    act rm -rf "$target.new"
    act cp -aL "$(dirname "$library")" "$target.new"
    [ "$(basename "$library")" = libonnxruntime.so ] || act ln -sf "$(basename "$library")" "$target.new/libonnxruntime.so"
    act mv -T "$target.new" "$target"
  fi
  verify "$target/libonnxruntime.so"
  set_variable ORT_LIB "$target/libonnxruntime.so"
}

# By a run: what it was compiled with says nothing.
verify() {
  local library=$1 config verdict
  if [ $dry_run = yes ]; then
    echo "would run a model with $library on TensorRT"
    return
  fi
  config=$(mktemp --suffix .yaml)
  cat >"$config" <<YAML
device: { site: install, line: install, name: install }
stations: [{ name: install, camera: { type: simulated } }]
infer: { library: "$library", providers: [tensorrt], require: tensorrt }
YAML
  # shellcheck disable=SC2016  # JavaScript's own syntax
  verdict=$(sideglance doctor --json --config "$config" 2>/dev/null | "$NODE" -e '
    const { findings } = JSON.parse(require("node:fs").readFileSync(0, "utf8"));
    const { state, text, fix } = findings.find(({ check }) => check === "provider tensorrt");
    console.log(state === "ok" ? "ok" : `${text}. Fix: ${fix}`);') || verdict='sideglance doctor gave no answer'
  rm -f "$config"
  if [ "$verdict" != ok ]; then
    echo "install.sh: this ONNX Runtime does not run on TensorRT here, and is not used: $verdict" >&2
    exit 1
  fi
  ok 'ONNX Runtime computes on TensorRT'
}

set_variable() {
  local line="$1=$2"
  if [ -r "$ENVIRONMENT" ] && grep -qxF "$line" "$ENVIRONMENT"; then
    ok "$1 is set"
  elif [ $dry_run = yes ]; then
    echo "would set $line in $ENVIRONMENT"
  else
    mkdir -p "$(dirname "$ENVIRONMENT")"
    { [ ! -r "$ENVIRONMENT" ] || grep -v "^$1=" "$ENVIRONMENT" || true; echo "$line"; } >"$ENVIRONMENT.new"
    mv "$ENVIRONMENT.new" "$ENVIRONMENT"
    act systemctl try-restart sideglance
  fi
}

finish() {
  cat <<'TEXT'

Next: name camera and model in /etc/sideglance/config.yaml (for the GPU: infer.providers: [tensorrt]), then
  sudo -u sideglance sideglance engine build --config /etc/sideglance/config.yaml     # minutes, once for a model
  sudo -u sideglance sideglance doctor --config /etc/sideglance/config.yaml
  sudo systemctl restart sideglance && systemctl status sideglance
TEXT
}

main "$@"
