#!/bin/bash
# Puts a package and everything it depends on into one archive, for devices without a connection:
#   scripts/package/offline.sh sideglance_VERSION_ARCH.deb [FURTHER PACKAGES]
# Run it on a machine with the device's release and architecture, and a connection; no root. Further packages are for instance
# libaravis-0.8-0 for GigE cameras; the installer takes their names, too.
set -euo pipefail

deb=$(realpath "${1:?the package is needed}")
shift
version=$(dpkg-deb --field "$deb" Version)
arch=$(dpkg-deb --field "$deb" Architecture)
if [ "$arch" != "$(dpkg --print-architecture)" ]; then
  echo "offline.sh: the package is for $arch, and this machine is $(dpkg --print-architecture)" >&2
  exit 1
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
folder=$work/sideglance-offline
mkdir -p "$folder/packages"

# As for a machine on which nothing is installed: what this one has, the device need not have.
: >"$work/nothing"
mkdir "$folder/packages/partial"
apt-get -q install --download-only -y --no-install-recommends -o Dir::State::Status="$work/nothing" \
  -o Dir::Cache::Archives="$folder/packages" -o Debug::NoLocking=1 -o APT::Sandbox::User= "$deb" "$@" >"$work/log" 2>&1 ||
  { tail -n 5 "$work/log" >&2; exit 1; }
cd "$folder/packages"
rm -rf partial lock
cp "$deb" .

# An index, so that apt on the device chooses what it lacks, and leaves alone what it has.
for file in *.deb; do
  dpkg-deb --field "$file"
  printf 'Filename: ./%s\nSize: %s\nSHA256: %s\n\n' "$file" "$(stat -c %s "$file")" "$(sha256sum "$file" | cut -d' ' -f1)"
done >Packages

cat >"$folder/install.sh" <<'INSTALL'
#!/bin/sh
# Installs sideglance from the packages beside this script; nothing is fetched. Further packages of the archive may be named.
set -e
names="sideglance $*"
here=$(realpath "$(dirname "$0")/packages")
own=$(mktemp -d)
trap 'rm -rf "$own"' EXIT
chmod 755 "$own"
mkdir -p "$own/lists/partial"
echo "deb [trusted=yes] file:$here ./" >"$own/sources.list"
# Read where it lies, by root.
set -- -o Dir::Etc::SourceList="$own/sources.list" -o Dir::Etc::SourceParts=/dev/null -o Dir::State::Lists="$own/lists" \
  -o APT::Sandbox::User=root
apt-get -q "$@" update
apt-get -q "$@" install -y --no-install-recommends $names
INSTALL
chmod +x "$folder/install.sh"
cd - >/dev/null
archive=sideglance-offline-$version-$arch.tar
tar -cf "$archive" -C "$work" sideglance-offline
echo "$archive"
