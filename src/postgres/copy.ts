import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';
import type { PostgresAddress } from './connect.ts';
import type { RemovedEntry } from './restore-list.ts';
import type { PostgresTools } from './tools.ts';

export interface CopyOptions {
  source: PostgresAddress;
  /** The application's role on the target, which owns what is created. */
  owner: PostgresAddress;
  /** The role that may create extensions and loads the data (`doadmin`); same database as `owner`. */
  loader: PostgresAddress;
  migrationId: string;
  /** The lease's epoch, part of the sessions' application name. */
  epoch?: number;
  tools: PostgresTools;
  /** A directory for the dump; what is put there is removed again. */
  directory: string;
  jobs: number;
  log: Log;
  clock: Clock;
  signal?: AbortSignal;
  /** Called before each step that changes the target: throws when a newer epoch has begun. */
  beforeChange?: () => Promise<void>;
}

export interface CopyResult {
  tables: number;
  bytes: number;
  removed: RemovedEntry[];
  milliseconds: number;
}

export function copyDatabase(options: CopyOptions): Promise<CopyResult> {
  void options;
  return Promise.reject(new Error('not yet'));
}
