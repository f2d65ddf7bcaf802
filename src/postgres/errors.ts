import pg from 'pg';
import { ConfigurationError, messageOf } from '../errors.ts';

/**
 * An error from Postgres without the fields of the driver's own one: `detail` and `where` may hold row values.
 * `code` is the SQLSTATE or the socket's error code.
 */
export class PostgresError extends Error {
  override readonly name: string = 'PostgresError';
  readonly code: string;

  constructor(message: string, code: string) {
    super(message);
    this.code = code;
  }
}

/** SQLSTATE of a server's answer, or the code of a socket's or TLS error; empty when there is none. */
export function codeOf(thrown: unknown): string {
  if (typeof thrown !== 'object' || thrown === null || !('code' in thrown)) return '';
  return typeof thrown.code === 'string' ? thrown.code : '';
}

/** What a refused connection means and what to do about it, by code (PostgreSQL manual, appendix A; Node's errors). */
const connectAdvice: Record<string, string> = {
  '28P01': 'the password was refused. It may have been rotated: read it again and run again',
  '28000': 'the server does not let this role in from here (TLS, role or pg_hba.conf)',
  '3D000': 'there is no such database',
  '53300': 'all of its connections are in use: close some, or wait, and run again',
  '57P03': 'the server is starting or stopping: run again in a minute',
  ECONNREFUSED: 'nothing listens there, or the address of this runner is not among the trusted sources',
  ECONNRESET: 'the connection was cut while it was being made',
  ENOTFOUND: 'the host name does not resolve',
  EAI_AGAIN: 'the host name could not be looked up: the name service did not answer',
  ETIMEDOUT: 'no answer: a firewall may be in between, or this runner is not among the trusted sources',
  EHOSTUNREACH: 'the host cannot be reached from here',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate is not signed by the CA that was given',
  SELF_SIGNED_CERT_IN_CHAIN: 'its certificate is not signed by the CA that was given',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'its certificate is not signed by the CA that was given',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'its certificate is not signed by the CA that was given',
  CERT_HAS_EXPIRED: 'its certificate has expired',
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another host name',
};

/** Codes that the person who runs this can mend: shown without a stack. */
export function connectionError(thrown: unknown, where: string): Error {
  const code = codeOf(thrown);
  const message = messageOf(thrown);
  const advice = connectAdvice[code] ?? adviceByMessage(message);
  if (advice === undefined) return new PostgresError(`Could not connect to ${where}: ${message}`, code);
  return new ConfigurationError(
    `Could not connect to ${where}: ${advice} (${code === '' ? message : code}).`,
  );
}

function adviceByMessage(message: string): string | undefined {
  if (message.includes('does not support SSL')) return 'the server does not offer TLS';
  if (message.includes('timeout expired'))
    return 'no answer: a firewall may be in between, or this runner is not among the trusted sources';
  if (message.includes('Connection terminated')) return 'the connection was cut while it was being made';
  return undefined;
}

/** Rethrows what a statement threw without the driver's fields; our own errors pass unchanged. */
export function statementError(thrown: unknown, where: string): Error {
  if (thrown instanceof pg.DatabaseError)
    return new PostgresError(`${where}: ${thrown.message}${statementAdvice(thrown.code)}`, thrown.code ?? '');
  if (isDriverError(thrown)) return new PostgresError(`${where}: ${messageOf(thrown)}`, codeOf(thrown));
  return thrown instanceof Error ? thrown : new Error(messageOf(thrown));
}

function isDriverError(thrown: unknown): boolean {
  return (
    /^E[A-Z]+$/.test(codeOf(thrown)) ||
    /^Connection terminated|^Client (has encountered|was closed)/.test(messageOf(thrown))
  );
}

function statementAdvice(code: string | undefined): string {
  switch (code) {
    case '42501':
      return ' (the role lacks this right)';
    case '53100':
      return ' (the server’s disk is full: choose a larger size and run again)';
    case '55P03':
      return ' (another session holds a lock; run again when it is gone)';
    case '57P01':
      return ' (the server ended the session: a restart or fail-over; run again)';
    case '25006':
      return ' (the database is read-only: a follower, or a full disk)';
    default:
      return '';
  }
}
