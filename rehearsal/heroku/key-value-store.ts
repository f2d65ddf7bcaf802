/** How Heroku Key-Value Store renames what it does not let its users call. Nobody can guess the new name. */
const unreachable = '""';

/**
 * Lines of redis.conf that make a server refuse like Heroku Key-Value Store: `CONFIG` and administration are gone
 * ("ERR unknown command"), nothing is evicted, idle clients are dropped after 300 s, and the default user needs a
 * password (devcenter "Heroku Key-Value Store", 2024-12). TLS with a certificate that nobody can verify is for the
 * caller to add: `startRedis({ tls, … })`.
 */
export function keyValueStoreConfiguration(options: { password: string; maxMemoryBytes?: number }): string[] {
  const renamed = ['CONFIG', 'SHUTDOWN', 'BGREWRITEAOF', 'BGSAVE', 'SAVE', 'DEBUG', 'REPLICAOF', 'SLAVEOF'];
  return [
    `requirepass ${options.password}`,
    'maxmemory-policy noeviction',
    ...(options.maxMemoryBytes === undefined ? [] : [`maxmemory ${options.maxMemoryBytes}`]),
    'timeout 300',
    'appendonly yes',
    'appendfsync everysec',
    ...renamed.map((command) => `rename-command ${command} ${unreachable}`),
  ];
}

/** The add-on's REDIS_URL. */
export function keyValueStoreUrl(server: { host: string; port: number }, password: string): string {
  return `rediss://:${encodeURIComponent(password)}@${server.host}:${server.port}`;
}
