import { readFileSync } from 'node:fs';

/** What stands beside the program in its slug, in `front-door.json`. */
export interface Settings {
  /** Where the new side is reached, `host` or `host:port`; also the name that its certificate must hold. */
  targetHost: string;
  migrationId: string;
  /** Signs the forwarded values. */
  secret: string;
  /** How long a request may wait before it is refused. */
  holdLimitMs: number;
  /** Whether the row in the old database decides, or nothing does. */
  forwards: 'row' | 'always';
  /** The config var with the old database's address. */
  databaseVariable: string;
  /** How many requests may wait at once; see waiting.ts for the memory that they cost. */
  waitingLimit?: number;
  /** How long a dyno that is told to end may finish what it has begun: below the 30 s after which Heroku kills it. */
  shutdownLimitMs?: number;
  /** How long a connection to the new side, from its name to the end of its TLS handshake, may take. */
  connectLimitMs?: number;
  /** How long the new side may take to answer once it has the whole request. */
  answerLimitMs?: number;
}

export function readSettings(file: URL): Settings {
  return JSON.parse(readFileSync(file, 'utf8')) as Settings;
}
