import { stringify } from 'yaml';
import {
  ACL_FILE,
  CONFIGURATION,
  DATA,
  redisConfiguration,
  redisUsers,
  TLS_DIRECTORY,
} from './redis-configuration.ts';
import { REDIS_IMAGE } from './redis-image.ts';
import {
  certificateScript,
  keeperScript,
  maintenanceScript,
  prepareScript,
  upgradeScript,
} from './redis-keeper.ts';
import { containerUnit, IMAGE_FILE, REDIS_IDS, scriptUnit, timerUnit } from './redis-units.ts';

export { redisMaxMemoryMib } from './redis-configuration.ts';

export interface RedisCloudInit {
  certificates: { ca: string; certificate: string; key: string };
  /** The name in the server's certificate. */
  serverName: string;
  /** What the droplet's orders are signed for. */
  migrationId: string;
  adminUser: string;
  adminPassword: string;
  appUser: string;
  appPassword: string;
  port: number;
  /** Memory of the droplet; Redis gets three quarters of it less what the system needs. */
  dropletMemoryMib: number;
  /** Of the people around the datacentre: its night is when the machine may restart. */
  timeZone: string;
  /** The image by digest; default: `REDIS_IMAGE`. */
  image?: string;
}

/** DigitalOcean takes at most 64 KiB of plain text (API reference, `user_data`). */
export const USER_DATA_LIMIT = 64 * 1024;

const SWAP_BYTES = 1024 * 1024 * 1024;
/** What restarts Redis when it is updated; `redis-maintenance` does that at its hour. */
const RESTARTING = ['docker.io', 'containerd', 'runc'];

/**
 * The cloud-config of the Redis droplet: Ubuntu with Docker, Redis in a container by digest, TLS only, one user for the
 * application (closed at first) and one for the migration, nothing ever evicted, AOF and snapshots on the disk, security
 * updates by themselves, restarts in one quiet hour of the week. Nobody can log in over the network: what must be done
 * later, a keeper does that obeys only what the private authority has signed.
 *
 * It holds the server's key and digests of the passwords, never a password.
 */
export function renderRedisCloudInit(options: RedisCloudInit): string {
  const document = {
    ssh_pwauth: false,
    disable_root: true,
    timezone: options.timeZone,
    package_update: true,
    packages: ['docker.io', 'unattended-upgrades'],
    // A cushion for the moment of a fork or an update, not room for data: Redis never gets all of the memory.
    swap: { filename: '/swapfile', size: SWAP_BYTES },
    write_files: [...redisFiles(options), ...systemFiles(), ...units(options.port)],
    runcmd: [
      ['sysctl', '--system'],
      ['/usr/local/sbin/redis-prepare'],
      ['chown', '-R', REDIS_IDS, '/etc/redis', DATA],
      ['systemctl', 'daemon-reload'],
      ['systemctl', 'restart', 'systemd-journald.service', 'docker.service'],
      ['systemctl', 'enable', '--now', 'redis-container.service'],
      ['systemctl', 'enable', '--now', 'redis-keeper.timer', 'redis-maintenance.timer'],
    ],
  };
  const text = `#cloud-config\n${stringify(document, { lineWidth: 0 })}`;
  const bytes = Buffer.byteLength(text);
  if (bytes > USER_DATA_LIMIT) {
    throw new Error(`The droplet's cloud-init has ${bytes} bytes; DigitalOcean takes ${USER_DATA_LIMIT}.`);
  }
  return text;
}

function redisFiles(options: RedisCloudInit): object[] {
  const { certificates, port } = options;
  return [
    file(CONFIGURATION, redisConfiguration(options)),
    file(ACL_FILE, redisUsers(options), '0600'),
    file(`${TLS_DIRECTORY}/ca.crt`, certificates.ca),
    file(`${TLS_DIRECTORY}/server.crt`, certificates.certificate),
    file(`${TLS_DIRECTORY}/server.key`, certificates.key, '0600'),
    file(IMAGE_FILE, `IMAGE=${options.image ?? REDIS_IMAGE}\n`),
    file('/usr/local/sbin/redis-prepare', prepareScript(port), '0700'),
    file('/usr/local/sbin/redis-keeper', keeperScript(options), '0700'),
    file('/usr/local/sbin/redis-certificate', certificateScript(options), '0700'),
    file('/usr/local/sbin/redis-upgrade', upgradeScript(port), '0700'),
    file('/usr/local/sbin/redis-maintenance', maintenanceScript(port), '0700'),
  ];
}

function systemFiles(): object[] {
  const logs = { 'log-driver': 'json-file', 'log-opts': { 'max-size': '10m', 'max-file': '5' } };
  return [
    file(
      '/etc/sysctl.d/60-redis.conf',
      'vm.overcommit_memory = 1\nvm.swappiness = 1\nnet.core.somaxconn = 1024\n',
    ),
    file('/etc/docker/daemon.json', `${JSON.stringify(logs)}\n`),
    file('/etc/systemd/journald.conf.d/60-redis.conf', '[Journal]\nSystemMaxUse=200M\n'),
    file(
      '/etc/apt/apt.conf.d/20auto-upgrades',
      'APT::Periodic::Update-Package-Lists "1";\nAPT::Periodic::Unattended-Upgrade "1";\n',
    ),
    file(
      '/etc/apt/apt.conf.d/52unattended-upgrades-redis',
      [
        '// redis-maintenance updates these and restarts the machine, in its hour.',
        `Unattended-Upgrade::Package-Blacklist { ${RESTARTING.map((name) => `"${name}";`).join(' ')} };`,
        'Unattended-Upgrade::Automatic-Reboot "false";',
        '',
      ].join('\n'),
    ),
    file(
      '/etc/needrestart/conf.d/redis.conf',
      '# An updated library restarts neither Docker nor Redis at noon.\n' +
        '$nrconf{override_rc}{qr(^(docker|containerd|redis-container))} = 0;\n',
    ),
  ];
}

function units(port: number): object[] {
  const at = (name: string): string => `/etc/systemd/system/${name}`;
  return [
    file(at('redis-container.service'), containerUnit(port)),
    file(
      at('redis-keeper.service'),
      scriptUnit("Look after Redis, carry out the migration's orders", '/usr/local/sbin/redis-keeper'),
    ),
    file(
      at('redis-keeper.timer'),
      timerUnit('Every minute', ['OnBootSec=1min', 'OnUnitInactiveSec=1min', 'AccuracySec=5s']),
    ),
    file(
      at('redis-maintenance.service'),
      scriptUnit('Updates that restart Redis', '/usr/local/sbin/redis-maintenance'),
    ),
    file(at('redis-maintenance.timer'), timerUnit('The quiet hour of the week', ['OnCalendar=Sun 04:00'])),
  ];
}

function file(path: string, content: string, permissions = '0644'): object {
  return { path, permissions, owner: 'root:root', content };
}
