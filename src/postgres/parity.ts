import type { Log } from '../log.ts';
import type { PostgresAddress } from './connect.ts';

export interface TableParity {
  /** `schema.table` */
  name: string;
  rows: { source: number; target: number };
  hash: { source: string; target: string };
  equal: boolean;
  /** Up to five keys whose rows differ. */
  differingKeys?: string[];
}

export interface DatabaseParity {
  equal: boolean;
  rows: { compared: number; different: number };
  tables: TableParity[];
  /** Objects that are missing or defined differently, one line each. */
  catalogue: string[];
  /** Sequences that stand elsewhere, one line each. */
  sequences: string[];
}

export interface ParityOptions {
  source: PostgresAddress;
  target: PostgresAddress;
  log: Log;
  signal?: AbortSignal;
  /** Connections per side; default 2. */
  jobs?: number;
  applicationName?: string;
}

export function compareDatabases(options: ParityOptions): Promise<DatabaseParity> {
  options;
  return Promise.reject(new Error('not yet'));
}
