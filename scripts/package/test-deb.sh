#!/bin/bash
# Installs, runs, upgrades, removes and purges the Debian package in a clean root that debootstrap makes. As root:
#   sudo apt-get install -y debootstrap
#   sudo scripts/package/test-deb.sh dist/deb/sideglance_VERSION_amd64.deb [RELEASE]
# The newer version is the same package under another number. The root is kept, and used again, in $KEEP if set.
set -euo pipefail

old=$(realpath "$1")
release=${2:-bookworm}
root=${KEEP:-$(mktemp -d)/root}

say() { printf '\n== %s\n' "$*"; }
inside() { chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root DEBIAN_FRONTEND=noninteractive "$@"; }
clean_up() {
  for mount in proc dev; do umount --lazy "$root/$mount" 2>/dev/null || true; done
  [ -n "${KEEP:-}" ] || rm -rf "$(dirname "$root")"
}
trap clean_up EXIT

say "a clean $release"
[ -e "$root/etc/debian_version" ] || debootstrap --variant=minbase "$release" "$root" >/dev/null
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
# What runs in a chroot is nobody's business: no service is started.
printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
chmod +x "$root/usr/sbin/policy-rc.d"
cp "$old" "$root/old.deb"
dpkg-deb --raw-extract "$old" "$root/newer"
sed -i 's/^Version: .*/&+newer/' "$root/newer/DEBIAN/control"
dpkg-deb --root-owner-group -Zgzip -z1 --build "$root/newer" "$root/new.deb" >/dev/null
rm -r "$root/newer"

say install
inside apt-get -q update >/dev/null
inside apt-get -qy install --no-install-recommends /old.deb >/dev/null
inside getent passwd sideglance
inside id sideglance
[ "$(inside stat -c '%U:%G %a' /var/lib/sideglance/models)" = 'sideglance:sideglance 750' ]
[ "$(inside stat -c '%U %a' /etc/sideglance/credentials)" = 'root 700' ]
inside ls /etc/systemd/system/multi-user.target.wants/sideglance.service
inside sideglance --version

say doctor
inside sideglance doctor -c /etc/sideglance/config.yaml

say 'it inspects, as its user'
inside timeout --signal=TERM 60 setpriv --reuid=sideglance --regid=sideglance --init-groups \
  env HOME=/var/lib/sideglance XDG_CACHE_HOME=/var/cache/sideglance \
  sideglance run -c /etc/sideglance/config.yaml >"$root/tmp/verdicts" 2>"$root/tmp/log" &
daemon=$!
for _ in $(seq 600); do
  if grep -qE ' (PASS|FAIL) ' "$root/tmp/verdicts"; then break; fi
  sleep 0.1
done
grep -E ' (PASS|FAIL) ' "$root/tmp/verdicts" | head -2
kill "$daemon" 2>/dev/null || true
wait "$daemon" || true

say 'upgrade keeps configuration, models and what the service keeps'
sed -i 's/name: edge-1/name: my-edge/' "$root/etc/sideglance/config.yaml"
mkdir -p "$root/var/lib/sideglance/models/mine" "$root/var/lib/sideglance/outbox"
echo model >"$root/var/lib/sideglance/models/mine/model.onnx"
echo waiting >"$root/var/lib/sideglance/outbox/data.mdb"
echo sesame >"$root/etc/sideglance/credentials/mqtt-password"
inside apt-get -qy install --no-install-recommends -o Dpkg::Options::=--force-confold /new.deb >/dev/null
inside dpkg-query -W sideglance | grep -F +newer
grep 'name: my-edge' "$root/etc/sideglance/config.yaml"
cat "$root/var/lib/sideglance/models/mine/model.onnx" "$root/var/lib/sideglance/outbox/data.mdb"
inside sideglance --version

say 'remove keeps them, too'
inside apt-get -qy remove sideglance >/dev/null
[ -e "$root/etc/sideglance/config.yaml" ] && [ -e "$root/var/lib/sideglance/models/mine/model.onnx" ]
[ ! -e "$root/usr/lib/sideglance" ]

say 'purge leaves nothing'
inside apt-get -qy purge sideglance >/dev/null
left=$(find "$root" -xdev -name '*sideglance*' -not -path "$root/*.deb" -not -path "$root/proc/*" -not -path "$root/var/cache/apt/*" -not -path "$root/var/lib/apt/*" -not -path "$root/var/log/*")
[ -z "$left" ] || { echo "left: $left"; exit 1; }
if inside getent passwd sideglance; then exit 1; fi

say 'everything holds'
