#!/bin/bash
# Gives n devices an identity: a certificate each from an authority of the plant, the access rules of a mosquitto that knows
# them by it, and a configuration to begin with. Run it again for further devices: what is there is kept.
#
#   ./provision.sh --broker HOST[:PORT] --out FOLDER [--days N] SITE/LINE/DEVICE...
#   ./provision.sh --broker HOST[:PORT] --out FOLDER [--days N] --list FILE    # one SITE/LINE/DEVICE a line
#
#   --broker   how the devices reach the broker; the host stands in its certificate. Port 8883 when left out
#   --days     how long certificates hold: 825 when left out. Those of devices that have less than a third left are renewed
#
# FOLDER/ca       the authority: keep ca.key off line
# FOLDER/broker   server.pem, server.key, ca.pem, acl and mosquitto.conf for the broker
# FOLDER/devices  a folder for each: device.pem, device.key, ca.pem, config.yaml
set -euo pipefail
umask 077

broker='' out='' days=825 list=''
devices=()

fail() { echo "provision.sh: $*" >&2; exit 2; }

while [ $# -gt 0 ]; do
  case $1 in
    --broker) broker=${2:?--broker needs a host}; shift 2 ;;
    --out) out=${2:?--out needs a folder}; shift 2 ;;
    --days) days=${2:?--days needs a number}; shift 2 ;;
    --list) list=${2:?--list needs a file}; shift 2 ;;
    -h | --help) sed -n '2,15s/^# \{0,1\}//p' "$0"; exit 0 ;;
    -*) fail "$1 is not known; --help tells what is" ;;
    *) devices+=("$1"); shift ;;
  esac
done
[ -n "$broker" ] || fail '--broker HOST is needed; --help tells more'
[ -n "$out" ] || fail '--out FOLDER is needed; --help tells more'
[[ $days =~ ^[1-9][0-9]{0,4}$ ]] || fail "--days $days: must be a whole number from 1 to 99999"
if [ -n "$list" ]; then
  [ -r "$list" ] || fail "$list cannot be read"
  while IFS= read -r line; do
    line=${line%%#*}
    line=${line//[[:space:]]/}
    [ -z "$line" ] || devices+=("$line")
  done <"$list"
fi
[ ${#devices[@]} -gt 0 ] || fail 'no device was named; --help tells how'
name='[A-Za-z0-9][A-Za-z0-9_.-]{0,63}'
for device in "${devices[@]}"; do
  [[ $device =~ ^$name/$name/$name$ ]] || fail "$device: must be SITE/LINE/DEVICE, each of letters, digits, _, . and -"
done
repeated=$(printf '%s\n' "${devices[@]}" | sort | uniq -d | head -1)
[ -z "$repeated" ] || fail "$repeated is named twice"
command -v openssl >/dev/null || fail 'openssl is not there: apt-get install openssl'
host=${broker%:*} port=8883
[ "$host" = "$broker" ] || port=${broker##*:}
[[ $port =~ ^[0-9]+$ ]] || fail "--broker $broker: must be HOST or HOST:PORT"

ca=$out/ca
mkdir -p "$ca" "$out/broker" "$out/devices"

new_key() { openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:prime256v1 -out "$1" 2>/dev/null; }

# certificate KEY FILE SUBJECT EXTENSIONS
certificate() {
  openssl req -new -key "$1" -subj "/CN=$3" -out "$2.csr"
  openssl x509 -req -in "$2.csr" -CA "$ca/ca.pem" -CAkey "$ca/ca.key" -CAcreateserial -days "$days" \
    -extfile <(printf '%s\n' 'basicConstraints=critical,CA:false' "$4") -out "$2.new" 2>/dev/null
  rm "$2.csr"
  mv "$2.new" "$2"
}

# Whether a certificate is there and a third of its time is left.
holds() { [ -r "$1" ] && openssl x509 -in "$1" -noout -checkend $((days * 86400 / 3)) >/dev/null 2>&1; }

if [ ! -r "$ca/ca.pem" ]; then
  new_key "$ca/ca.key"
  openssl req -x509 -new -key "$ca/ca.key" -subj '/CN=sideglance fleet' -days 7300 -out "$ca/ca.pem" \
    -addext 'basicConstraints=critical,CA:true,pathlen:0' -addext 'keyUsage=critical,keyCertSign,cRLSign'
  echo "new   $ca: an authority; keep ca.key off line"
fi

server=$out/broker/server
[ -r "$server.key" ] || new_key "$server.key"
kind=DNS
[[ $host =~ ^[0-9.]+$ || $host == *:* ]] && kind=IP
if ! holds "$server.pem"; then
  certificate "$server.key" "$server.pem" "$host" \
    "subjectAltName=$kind:$host"$'\n''extendedKeyUsage=serverAuth'
  echo "new   $server.pem: the broker at $host"
fi
cp "$ca/ca.pem" "$out/broker/ca.pem"
cat >"$out/broker/mosquitto.conf" <<CONF
# Who a client is, its certificate says; what it may do, the file acl. Paths are those of Debian's package.
listener $port
cafile /etc/mosquitto/sideglance/ca.pem
certfile /etc/mosquitto/sideglance/server.pem
keyfile /etc/mosquitto/sideglance/server.key
require_certificate true
use_identity_as_username true
allow_anonymous false
acl_file /etc/mosquitto/sideglance/acl
persistence true
# Messages for consumers that are away: docs/brokers.md.
max_queued_messages 100000
CONF

# value FILE KEY: of the device in a configuration that this script wrote.
value() { sed -n "s/^  $2: //p" "$1" | head -1; }

for device in "${devices[@]}"; do
  IFS=/ read -r site line own <<<"$device"
  id=sideglance-$site-$line-$own
  folder=$out/devices/$site-$line-$own
  if [ -e "$folder/config.yaml" ]; then
    known=$(value "$folder/config.yaml" site)/$(value "$folder/config.yaml" line)/$(value "$folder/config.yaml" name)
    [ "$known" = "$device" ] || fail "$device would have the same client id as $known: rename one of them"
  fi
  mkdir -p "$folder"
  [ -r "$folder/device.key" ] || new_key "$folder/device.key"
  if ! holds "$folder/device.pem"; then
    certificate "$folder/device.key" "$folder/device.pem" "$id" 'extendedKeyUsage=clientAuth'
    echo "new   $folder/device.pem: $id"
  fi
  cp "$ca/ca.pem" "$folder/ca.pem"
  [ -e "$folder/config.yaml" ] || cat >"$folder/config.yaml" <<CONFIG
# Every key that there is: config.yaml in the package, and docs/configuration.md.
device:
  site: $site
  line: $line
  name: $own

mqtt:
  url: mqtts://$host:$port
  tls:
    ca: ca.pem
    cert: device.pem
    key: device.key

stations:
  - name: station-1
    # Replace it by the camera of the line.
    camera:
      type: simulated
CONFIG
done

# From all that there are, not only those that were named now.
{
  echo '# Each device writes below its own topics, reads its own commands and all rollouts. Add the users of your consumers.'
  for folder in "$out"/devices/*/; do
    config=$folder/config.yaml
    site=$(value "$config" site) line=$(value "$config" line) own=$(value "$config" name)
    printf '\nuser sideglance-%s-%s-%s\n' "$site" "$line" "$own"
    printf 'topic write sideglance/%s/%s/%s/#\n' "$site" "$line" "$own"
    printf 'topic read sideglance/%s/%s/%s/command/#\n' "$site" "$line" "$own"
    printf 'topic read sideglance/%s/%s/%s/+/command/#\n' "$site" "$line" "$own"
    printf 'topic read sideglance/rollout/#\n'
  done
} >"$out/broker/acl.new"
mv "$out/broker/acl.new" "$out/broker/acl"
echo "ok    ${#devices[@]} devices; the broker takes the files in $out/broker"
