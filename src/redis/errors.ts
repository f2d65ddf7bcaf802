import { ConfigurationError, messageOf } from '../errors.ts';

/** What an answer of the server means and what to do, by its first word (Redis' own error codes) or socket code. */
const advice: [pattern: RegExp, meaning: string][] = [
  [
    /^WRONGPASS|invalid password|invalid username-password/i,
    'the password was refused. It may have been rotated: read it again and run again',
  ],
  [/^NOAUTH/, 'it wants a password and none was given'],
  [/^NOPERM/, 'this user lacks the right'],
  [/^READONLY/, 'it is a read-only replica: use the address of the primary'],
  [/^OOM/, 'its memory is full (maxmemory): choose a larger size, or leave keys behind with `skip`'],
  [/^MISCONF/, 'it cannot save to its disk and refuses writes'],
  [/^(MOVED|CLUSTERDOWN|CROSSSLOT)/, 'it runs in cluster mode, which is not supported'],
  [/^MASTERDOWN/, 'it is a replica that has lost its primary: use the address of the primary'],
  [/^NOREPLICAS/, 'it takes no writes while its replicas are away: run again when they are back'],
  [
    /^BUSY /,
    'a script of the application has been running for long and blocks it: run again when it has ended',
  ],
  [
    /max number of clients reached/,
    'it takes no more connections: stop what is not needed, or choose a larger size',
  ],
  [/^LOADING/, 'it is still loading its data: run again in a minute'],
  [/ECONNREFUSED/, 'nothing listens there, or a firewall does not admit this runner'],
  [
    /ECONNRESET|EPIPE/,
    'the connection was cut: a firewall may not admit this runner, or the server was restarted',
  ],
  [
    /^Connection is closed|Socket timeout|Stream isn't writeable|max retries per request/,
    'the connection was lost: the server was restarted, failed over or is out of reach. Run again; what arrived need not be carried again',
  ],
  [/ENOTFOUND|EAI_AGAIN/, 'the host name does not resolve'],
  [/ETIMEDOUT|EHOSTUNREACH/, 'no answer: a firewall may be in between'],
  [/wrong version number|packet length too long/i, 'it does not speak TLS on this port'],
  [
    /self-signed certificate|unable to verify|unable to get local issuer/i,
    'its certificate is not signed by the CA that was given',
  ],
  [/certificate has expired/i, 'its certificate has expired'],
  [/altnames|Hostname\/IP does not match/i, 'its certificate is for another name'],
];

/** What a server answered, or a connection came to, that nobody has a name for; without the fields of the client's own error. */
export class RedisError extends Error {
  override readonly name = 'RedisError';
}

/**
 * A clean error for what a Redis client threw: its own errors carry the command with its arguments, which may be a
 * password. What the user can mend becomes a ConfigurationError, anything else of the server or the network a RedisError;
 * a mistake in our own code stays what it is.
 */
export function redisError(thrown: unknown, doing: string): Error {
  if (thrown instanceof ConfigurationError || thrown instanceof RedisError || isMistake(thrown))
    return thrown;
  const message = textOf(thrown);
  const meaning = advice.find(([pattern]) => pattern.test(message))?.[1];
  if (meaning === undefined) return new RedisError(`${doing}: ${message}`);
  return new ConfigurationError(`${doing}: ${meaning} (${message}).`);
}

/** Neither Redis nor its client throws these. */
function isMistake(thrown: unknown): thrown is Error {
  return [TypeError, RangeError, ReferenceError, SyntaxError].some((kind) => thrown instanceof kind);
}

/** A connection to several addresses of one name fails with an AggregateError whose own message is empty. */
function textOf(thrown: unknown): string {
  if (thrown instanceof AggregateError) return thrown.errors.map(messageOf).join('; ');
  return messageOf(thrown);
}
