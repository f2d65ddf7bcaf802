import { DROPLET_KEYS } from '../redis/our-keys.ts';
import { OPEN_KEY } from '../redis/rights.ts';
import { ACL_FILE, DATA, KEEPER, KEEPER_RULES, TLS_DIRECTORY } from './redis-configuration.ts';
import { IMAGE_FILE } from './redis-units.ts';

// What keeps the droplet in order: shell scripts, since nobody logs in and the image has nothing else. They trust only
// what the certificate authority of this server has signed, wherever they found it.

const HOME = '/etc/redis-keeper';

/** What each script begins with: how Redis is asked as the keeper, and what is running. */
function preamble(port: number): string {
  return `#!/bin/sh
set -eu
home=${HOME}
tls=${TLS_DIRECTORY}
data=${DATA}
ask() {
  REDISCLI_AUTH=$(cat "$home/password") timeout 20 docker exec --interactive --env REDISCLI_AUTH redis \\
    redis-cli --tls --cacert ${TLS_DIRECTORY}/ca.crt -p ${port} --user ${KEEPER} --no-auth-warning --raw "$@" </dev/null
}
running() { sed -n 's/^IMAGE=//p' ${IMAGE_FILE}; }
`;
}

/** Once, before Redis first starts: the keeper's own password, and its user. */
export function prepareScript(port: number): string {
  return `${preamble(port)}
[ ! -s "$home/password" ] || exit 0
umask 077
openssl rand -hex 32 > "$home/new-password"
printf 'user ${KEEPER} on #%s %s\\n' \\
  "$(tr -d '\\n' < "$home/new-password" | sha256sum | cut -d' ' -f1)" '${KEEPER_RULES}' >> ${ACL_FILE}
mv "$home/new-password" "$home/password"
`;
}

/**
 * Every minute: restarts a Redis that is unhealthy for minutes, says once which image runs, and carries out the two orders that
 * the migration may leave in Redis, a certificate and an image. Anybody who may write to Redis could leave one: a
 * certificate must be for the key that is here and, like an image, be signed by the authority that is here.
 */
export function keeperScript(options: { port: number; migrationId: string }): string {
  return `${preamble(options.port)}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
answer() { ask SET "${DROPLET_KEYS}:$1" "$2" > "$work/said"; grep -qx OK "$work/said"; }

if [ "$(docker inspect --format '{{.State.Health.Status}}' redis 2>/dev/null)" = unhealthy ]; then
  echo 'Redis does not answer: restarting it'
  systemctl restart redis-container.service
  exit 0
fi
[ "$(ask PING 2>/dev/null)" = PONG ] || exit 0

ask GET ${DROPLET_KEYS}:certificate | head -c 16384 > "$work/offered"
if grep -q 'BEGIN CERTIFICATE' "$work/offered" && ! cmp -s "$work/offered" "$home/offered"; then
  cp "$work/offered" "$home/offered"
  if problem=$(/usr/local/sbin/redis-certificate "$home/offered" 2>&1); then
    ask CONFIG SET tls-cert-file "$tls/server.crt" > "$work/said"
    grep -qx OK "$work/said" || problem="CONFIG SET: $(cat "$work/said")"
  fi
  echo "Certificate: \${problem:-renewed}"
  answer certificate-problem "$problem"
fi

# Only when it is new: a copy that goes on would take a write for a stranger's.
[ "$(ask GET ${DROPLET_KEYS}:image-runs)" = "$(running)" ] || answer image-runs "$(running)"
ask GET ${DROPLET_KEYS}:image | head -c 4096 > "$work/order"
serial=$(sed -n 1p "$work/order")
image=$(sed -n 2p "$work/order")
case $serial in '' | *[!0-9]*) exit 0 ;; esac
[ "$serial" -gt "$(cat "$home/serial" 2>/dev/null || echo 0)" ] || exit 0
sed -n 3p "$work/order" | base64 -d > "$work/signature" 2>/dev/null || exit 0
printf 'heroku-to-digitalocean redis image\\n%s\\n%s\\n%s\\n' '${options.migrationId}' "$serial" "$image" > "$work/message"
openssl x509 -in "$tls/ca.crt" -pubkey -noout > "$work/authority"
openssl dgst -sha256 -verify "$work/authority" -signature "$work/signature" "$work/message" > "$work/said" 2>&1 || {
  echo 'An order for an image is not signed by the authority: ignored'
  exit 0
}
# Before the attempt, so that an image that does not start is not tried every minute.
echo "$serial" > "$home/serial"
problem=
/usr/local/sbin/redis-upgrade "$image" > "$work/said" 2>&1 || problem=$(tail -n 3 "$work/said")
cat "$work/said"
answer image-runs "$(running)"
answer image-problem "$problem"
`;
}

/** `redis-certificate FILE`: takes a server's certificate and its authority's, in this order, when both fit what is here. */
export function certificateScript(options: { port: number; serverName: string }): string {
  return `${preamble(options.port)}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
refuse() { echo "refused: $1"; exit 1; }
public() { openssl "$@" 2>/dev/null | openssl dgst -sha256 -r; }
end() { date --date "$(openssl x509 -in "$1" -noout -enddate | cut -d= -f2)" +%s; }

awk -v at="$work" '/BEGIN CERTIFICATE/ { n++ } n { print > (at "/" n ".crt") }' "$1"
[ -s "$work/2.crt" ] && [ ! -e "$work/3.crt" ] || refuse 'it holds other than two certificates'
# The same authority: the same key, whatever the dates. Dates are looked at below, as an old one may have expired.
[ "$(public x509 -in "$work/2.crt" -noout -pubkey)" = "$(public x509 -in "$tls/ca.crt" -noout -pubkey)" ] \\
  || refuse 'it is of another authority'
openssl verify -no_check_time -check_ss_sig -CAfile "$work/2.crt" "$work/2.crt" > /dev/null 2>&1 || refuse 'the authority did not sign itself'
openssl verify -no_check_time -CAfile "$tls/ca.crt" -verify_hostname '${options.serverName}' "$work/1.crt" > /dev/null 2>&1 \\
  || refuse 'the authority did not sign it for ${options.serverName}'
[ "$(public x509 -in "$work/1.crt" -noout -pubkey)" = "$(public pkey -in "$tls/server.key" -pubout)" ] \\
  || refuse 'it is not for the key of this server'
openssl verify -CAfile "$work/2.crt" "$work/1.crt" > /dev/null 2>&1 || refuse 'it is not valid today'
[ "$(end "$work/1.crt")" -gt "$(end "$tls/server.crt")" ] || refuse 'the present one is valid for longer'
for pair in 1:server 2:ca; do
  install --mode 0644 "$work/\${pair%:*}.crt" "$tls/\${pair#*:}.new"
  mv "$tls/\${pair#*:}.new" "$tls/\${pair#*:}.crt"
done
`;
}

/**
 * `redis-upgrade IMAGE@sha256:…`, also by hand: data are copied aside, and when the new server does not answer within ten
 * minutes the old image and the copy take its place again.
 */
export function upgradeScript(port: number): string {
  return `${preamble(port)}
image=\${1:?usage: redis-upgrade IMAGE@sha256:...}
printf '%s' "$image" | grep -qxE '[a-z0-9][a-z0-9./_-]*(:[A-Za-z0-9._-]+)?@sha256:[0-9a-f]{64}' \\
  || { echo "refused: $image is no image by digest"; exit 1; }
before=$(running)
[ "$image" != "$before" ] || { echo "$image runs already"; exit 0; }
use() { printf 'IMAGE=%s\\n' "$1" > ${IMAGE_FILE}; }
answers() {
  until=$(($(date +%s) + \${PATIENCE-600}))
  while [ "$(date +%s)" -lt "$until" ]; do
    [ "$(ask PING 2>/dev/null)" != PONG ] || return 0
    sleep 0.5
  done
  return 1
}
docker pull --quiet "$image"
[ "$(df --output=avail -k "$data" | tail -n 1)" -gt "$(du -sk "$data" | cut -f1)" ] \\
  || { echo 'refused: the disk has no room for a copy of the data'; exit 1; }
# Redis writes everything down when it is told to stop; then nothing changes while it is copied.
systemctl stop redis-container.service
rm -rf "$data.before"
cp --archive "$data" "$data.before"
use "$image"
systemctl start redis-container.service
if answers; then
  rm -rf "$data.before"
  echo "$image runs; it was $before"
  exit 0
fi
systemctl stop redis-container.service
rm -rf "$data.failed"
mkdir "$data.failed"
# The directory itself stays: it is what the container sees.
find "$data" -mindepth 1 -maxdepth 1 -exec mv {} "$data.failed/" ';'
find "$data.before" -mindepth 1 -maxdepth 1 -exec mv {} "$data/" ';'
rm -rf "$data.before" "$data.failed"
use "$before"
systemctl start redis-container.service
answers || { echo "$image did not answer, and neither does $before"; exit 1; }
echo "$image did not answer: $before runs again, with the data from before"
exit 1
`;
}

/**
 * In the quiet hour of each week, and only once the side is open, so that nothing restarts under a copy or a cutover:
 * what would restart Redis (Docker and its parts) is updated, and the machine is restarted when its kernel asks for it.
 */
export function maintenanceScript(port: number): string {
  return `${preamble(port)}
[ "$(ask GET ${OPEN_KEY})" = 1 ] || { echo 'This side is not open yet: nothing is restarted'; exit 0; }
export DEBIAN_FRONTEND=noninteractive
apt-get update --quiet
apt-get install --yes --quiet --only-upgrade docker.io containerd runc
[ ! -e /run/reboot-required ] || systemctl reboot
`;
}
