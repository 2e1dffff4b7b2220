#!/bin/bash
# Runs the arm64 package's `sideglance doctor` on another machine, emulated by QEMU. As root:
#   sudo apt-get install -y qemu-user-static libc6-arm64-cross libstdc++6-arm64-cross
#   sudo scripts/package/doctor-arm64.sh dist/deb/sideglance_VERSION_arm64.deb
# There is no GStreamer for arm64 here, so the checks of cameras fail, and have to; Node.js, configuration, ONNX Runtime, the provider
# and the demo model have to be well.
set -euo pipefail

deb=$(realpath "$1")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
dpkg-deb --extract "$deb" "$work/root"
home=$work/root/usr/lib/sideglance
# What ONNX Runtime reads of the processor: ARMv8.2 with half precision and dot products, as in a Jetson Orin.
cat >"$work/cpuinfo" <<'END'
processor	: 0
Features	: fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm lrcpc dcpop asimddp
CPU implementer	: 0x41
CPU architecture: 8
CPU variant	: 0x4
CPU part	: 0xd0b
CPU revision	: 1

END
# The programs in the variables and in the single quotes are those of the inner shell, and of Node.js.
# shellcheck disable=SC2016
unshare --map-root-user --mount sh -c 'mount --bind "$1" /proc/cpuinfo && shift && exec "$@"' sh "$work/cpuinfo" \
  qemu-aarch64-static -cpu cortex-a76 -L /usr/aarch64-linux-gnu "$home/node/bin/node" "$home/bin/sideglance.mjs" \
  doctor --json --patience 900 --config "$work/root/etc/sideglance/config.yaml" >"$work/report" || true
# shellcheck disable=SC2016
node -e '
  const { findings } = JSON.parse(require("node:fs").readFileSync(process.argv[1], "utf8"));
  for (const { check, state, text } of findings) console.log(`${state.padEnd(5)} ${check}: ${text.split("\n")[0]}`);
  const wanted = ["Node.js", "configuration", "ONNX Runtime", "provider cpu", "model of station-1"];
  const bad = wanted.filter((name) => findings.find(({ check }) => check === name)?.state !== "ok");
  const isArm = /linux arm64/.test(findings[0].text);
  if (bad.length > 0 || !isArm) { console.error(`not well: ${bad.join(", ")}`); process.exit(1); }
' "$work/report"
