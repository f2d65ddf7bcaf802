import { createHash } from 'node:crypto';
import { stringify } from 'yaml';

export interface RedisCloudInit {
  certificates: { ca: string; certificate: string; key: string };
  adminUser: string;
  adminPassword: string;
  appUser: string;
  appPassword: string;
  port: number;
  /** Memory of the droplet; Redis gets three quarters of it less what the system needs. */
  dropletMemoryMib: number;
}

/** redis 7.4 for amd64 and arm64, by the digest of its index: what runs is what was tested. */
export const REDIS_IMAGE =
  'redis:7.4-alpine@sha256:ff02b58f971e7d7d156a1267e283fcbbeee91773b6aa36c49dac28ecfe28eadf';

/** DigitalOcean takes at most 64 KiB of plain text (API reference, `user_data`). */
export const USER_DATA_LIMIT = 64 * 1024;

/** The image's `redis` user and group. */
const REDIS_IDS = '999:1000';
const CONFIGURATION = '/etc/redis/redis.conf';
const DATA = '/var/lib/redis';
/** Beside the data and writable, so that `ACL SAVE` makes an opening outlive a restart. */
const ACL_FILE = `${DATA}/users.acl`;

/**
 * The cloud-config of the Redis droplet: Ubuntu with Docker, Redis in a container by digest, TLS only, one user for the
 * application (closed at first) and one for the migration, nothing ever evicted, AOF and snapshots on the disk, security
 * updates by themselves. Paths are the same inside and outside of the container.
 *
 * It holds the server's key and digests of the passwords, never a password.
 */
export function renderRedisCloudInit(options: RedisCloudInit): string {
  const { certificates } = options;
  const document = {
    ssh_pwauth: false,
    disable_root: true,
    package_update: true,
    packages: ['docker.io', 'unattended-upgrades'],
    write_files: [
      file(CONFIGURATION, redisConfiguration(options)),
      file(ACL_FILE, users(options), '0600'),
      file('/etc/redis/tls/ca.crt', certificates.ca),
      file('/etc/redis/tls/server.crt', certificates.certificate),
      file('/etc/redis/tls/server.key', certificates.key, '0600'),
      file('/etc/sysctl.d/60-redis.conf', 'vm.overcommit_memory = 1\nnet.core.somaxconn = 1024\n'),
      file(
        '/etc/docker/daemon.json',
        `${JSON.stringify({ 'log-driver': 'json-file', 'log-opts': { 'max-size': '10m', 'max-file': '5' } })}\n`,
      ),
      file(
        '/etc/apt/apt.conf.d/20auto-upgrades',
        'APT::Periodic::Update-Package-Lists "1";\nAPT::Periodic::Unattended-Upgrade "1";\n',
      ),
      file('/etc/systemd/system/redis-container.service', service(options.port)),
    ],
    runcmd: [
      ['sysctl', '--system'],
      ['chown', '-R', REDIS_IDS, '/etc/redis', DATA],
      ['systemctl', 'restart', 'docker'],
      ['systemctl', 'daemon-reload'],
      ['systemctl', 'enable', '--now', 'redis-container.service'],
    ],
  };
  const text = `#cloud-config\n${stringify(document, { lineWidth: 0 })}`;
  const bytes = Buffer.byteLength(text);
  if (bytes > USER_DATA_LIMIT) {
    throw new Error(`The droplet's cloud-init has ${bytes} bytes; DigitalOcean takes ${USER_DATA_LIMIT}.`);
  }
  return text;
}

/** Redis gets what is left after the system (256 MiB), less a quarter for forks, AOF rewrites and client buffers. */
export function redisMaxMemoryMib(dropletMemoryMib: number): number {
  return Math.max(64, Math.floor((dropletMemoryMib - 256) * 0.75));
}

function redisConfiguration(options: RedisCloudInit): string {
  return [
    'bind * -::*',
    '# No plain-text listener: port 0.',
    'port 0',
    `tls-port ${options.port}`,
    'tls-cert-file /etc/redis/tls/server.crt',
    'tls-key-file /etc/redis/tls/server.key',
    'tls-ca-cert-file /etc/redis/tls/ca.crt',
    'tls-auth-clients no',
    'tls-protocols "TLSv1.2 TLSv1.3"',
    `aclfile ${ACL_FILE}`,
    'protected-mode no',
    'tcp-keepalive 60',
    'timeout 0',
    `maxmemory ${redisMaxMemoryMib(options.dropletMemoryMib)}mb`,
    '# A queue must never lose a job to make room.',
    'maxmemory-policy noeviction',
    `dir ${DATA}`,
    'appendonly yes',
    'appendfsync everysec',
    'save 3600 1 300 100 60 10000',
    '',
  ].join('\n');
}

/**
 * The application's user is closed from the start: no write commands. `INFO` and `CLIENT` are given back, or Sidekiq
 * dies at boot (measured: they are in @dangerous). The default user is off.
 */
function users(options: RedisCloudInit): string {
  const hashed = (password: string): string => `#${createHash('sha256').update(password).digest('hex')}`;
  return [
    'user default off resetchannels -@all',
    `user ${options.adminUser} on ${hashed(options.adminPassword)} ~* &* +@all`,
    `user ${options.appUser} on ${hashed(options.appPassword)} ~* &* +@all -@dangerous +info +client -@write`,
    '',
  ].join('\n');
}

function service(port: number): string {
  return [
    '[Unit]',
    'Description=Redis in a container',
    'After=docker.service network-online.target',
    'Requires=docker.service',
    '',
    '[Service]',
    'Restart=always',
    'RestartSec=2',
    'TimeoutStartSec=0',
    'ExecStartPre=-/usr/bin/docker rm -f redis',
    `ExecStartPre=/usr/bin/docker pull ${REDIS_IMAGE}`,
    [
      'ExecStart=/usr/bin/docker run --rm --name redis',
      `--user ${REDIS_IDS} --read-only --cap-drop ALL --security-opt no-new-privileges`,
      `--publish ${port}:${port} --stop-timeout 60`,
      `--volume /etc/redis:/etc/redis:ro --volume ${DATA}:${DATA}`,
      "--health-cmd 'redis-cli --tls --cacert /etc/redis/tls/ca.crt --sni localhost -p " +
        `${port} ping | grep -qE "PONG|NOAUTH"' --health-interval 30s`,
      `${REDIS_IMAGE} redis-server ${CONFIGURATION}`,
    ].join(' '),
    'ExecStop=/usr/bin/docker stop redis',
    '',
    '[Install]',
    'WantedBy=multi-user.target',
    '',
  ].join('\n');
}

function file(path: string, content: string, permissions = '0644'): object {
  return { path, permissions, owner: 'root:root', content };
}
