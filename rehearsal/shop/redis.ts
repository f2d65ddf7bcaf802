import { Redis, type RedisOptions } from 'ioredis';
import { pem, required, type Environment } from './environment.ts';

/** How long a command may take, and over how many connections it is tried. */
type Patience = Pick<RedisOptions, 'commandTimeout' | 'maxRetriesPerRequest'>;

/**
 * Connects to REDIS_URL and keeps connecting. Commands fail after one attempt, so that a request is answered rather
 * than held. Over TLS the server is verified when REDIS_CA_CERT is there (against REDIS_TLS_SERVERNAME if that is
 * given); Heroku's certificate is self-signed and cannot be.
 */
export function openRedis(
  environment: Environment,
  patience: Patience = {},
  warn: (line: string) => void = console.error,
): Redis {
  const url = new URL(required(environment, 'REDIS_URL'));
  const redis = new Redis({
    host: decodeURIComponent(url.hostname),
    port: Number(url.port || 6379),
    ...(url.username ? { username: decodeURIComponent(url.username) } : {}),
    ...(url.password ? { password: decodeURIComponent(url.password) } : {}),
    db: Number(url.pathname.slice(1) || 0),
    ...(url.protocol === 'rediss:' ? { tls: verification(environment) } : {}),
    // INFO may be forbidden to the application's user.
    enableReadyCheck: false,
    disableClientInfo: true,
    connectTimeout: 5000,
    commandTimeout: 5000,
    maxRetriesPerRequest: 1,
    retryStrategy: (attempt) => Math.min(attempt * 100, 1000),
    ...patience,
  });
  redis.on('error', (error: Error) => warn(`at=warning redis: ${error.message}`));
  return redis;
}

function verification(environment: Environment): NonNullable<RedisOptions['tls']> {
  const ca = pem(environment, 'REDIS_CA_CERT');
  if (ca === undefined) return { rejectUnauthorized: false };
  const servername = environment['REDIS_TLS_SERVERNAME'];
  return { ca, rejectUnauthorized: true, ...(servername ? { servername } : {}) };
}
