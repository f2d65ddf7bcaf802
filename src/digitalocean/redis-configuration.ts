import { createHash } from 'node:crypto';
import { DROPLET_KEYS } from '../redis/our-keys.ts';
import { OPEN_KEY, RULES_OF_THE_APP } from '../redis/rights.ts';

/** Paths are the same inside and outside of the container. */
export const CONFIGURATION = '/etc/redis/redis.conf';
export const TLS_DIRECTORY = '/etc/redis/tls';
export const DATA = '/var/lib/redis';
/** Beside the data and writable, so that `ACL SAVE` makes an opening outlive a restart. */
export const ACL_FILE = `${DATA}/users.acl`;

/** The user of the droplet's own scripts; its password is made on the droplet and known nowhere else. */
export const KEEPER = 'keeper';

/** Everything that the keeper may do: read its orders and whether the side is open, answer, load a certificate. */
export const KEEPER_RULES = [
  `~${DROPLET_KEYS}:*`,
  `%R~${OPEN_KEY}`,
  'resetchannels',
  '-@all +get +set +del +ping +config|set',
].join(' ');

/** Redis gets what is left after the system (256 MiB), less a quarter for forks, AOF rewrites and client buffers. */
export function redisMaxMemoryMib(dropletMemoryMib: number): number {
  return Math.max(64, Math.floor((dropletMemoryMib - 256) * 0.75));
}

/** redis.conf: TLS only, users from a file, nothing ever evicted, an append-only file and snapshots. */
export function redisConfiguration(options: { port: number; dropletMemoryMib: number }): string {
  return [
    'bind * -::*',
    '# No plain-text listener: port 0.',
    'port 0',
    `tls-port ${options.port}`,
    `tls-cert-file ${TLS_DIRECTORY}/server.crt`,
    `tls-key-file ${TLS_DIRECTORY}/server.key`,
    `tls-ca-cert-file ${TLS_DIRECTORY}/ca.crt`,
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
 * The ACL file of a new server. The application's user is closed from the start: it may read, and run what its
 * libraries need while they boot. The default user is off.
 */
export function redisUsers(users: {
  adminUser: string;
  adminPassword: string;
  appUser: string;
  appPassword: string;
}): string {
  const hashed = (password: string): string => `#${createHash('sha256').update(password).digest('hex')}`;
  return [
    'user default off resetchannels -@all',
    `user ${users.adminUser} on ${hashed(users.adminPassword)} ~* &* +@all`,
    `user ${users.appUser} on ${hashed(users.appPassword)} ~* &* ${RULES_OF_THE_APP.join(' ')} -@write`,
    '',
  ].join('\n');
}
