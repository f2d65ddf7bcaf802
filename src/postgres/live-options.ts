import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';
import { applicationName } from './settle.ts';
import type { PostgresTools } from './tools.ts';

export interface LiveOptions {
  migrationId: string;
  /** The lease's epoch: a newer one ends what an older one was doing. */
  epoch: number;
  tools: PostgresTools;
  /** For the schema's dump; what is put there is removed again. */
  directory: string;
  log: Log;
  clock: Clock;
  signal?: AbortSignal;
  /** Called before each step that changes a side: throws when a newer epoch has begun. */
  beforeChange?: () => Promise<void>;
  /** What to do about a schema change on the source: say it and stop, or copy the tables concerned again. */
  onSchemaChange: 'stop' | 'recopy';
  limits: CaptureLimits;
}

/** The capture's own limits: beyond them it stops logging and marks itself broken rather than fill the source's disk. */
export interface CaptureLimits {
  /** All logs together, bytes. */
  logBytes: number;
  /** How long the capture goes on when nobody drains, milliseconds. */
  leaseMs: number;
}

export function sessionOf(options: Pick<LiveOptions, 'migrationId' | 'epoch' | 'log' | 'signal'>): {
  applicationName: string;
  log: Log;
  signal?: AbortSignal;
} {
  const { log, signal } = options;
  return {
    applicationName: applicationName(options.migrationId, options.epoch),
    log,
    ...(signal === undefined ? {} : { signal }),
  };
}
