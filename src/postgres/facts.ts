import type pg from 'pg';

/** What one database holds, as read from its catalogues; nothing in it is secret. */
export interface DatabaseFacts {
  /** As the server says it, for example `15.8`. */
  serverVersion: string;
  major: number;
  sizeBytes: number;
  encoding: string;
  collation: string;
  extensions: { name: string; version: string; schema: string }[];
  schemas: string[];
  /** Tables and partitions that hold rows. `key`: columns of the primary key, or of a unique index without NULLs. */
  tables: { schema: string; name: string; bytes: number; estimatedRows: number; key: string[] | null }[];
  sequences: number;
  largeObjects: number;
  /** The search path that the application's sessions start with, when it is not Postgres's own default. */
  searchPath: string | null;
  /** Connections that the role may hold, or null when unlimited. */
  connectionLimit: number | null;
  /** Settings attached to the database or to the role in it. */
  settings: Record<string, string>;
}

export function readDatabaseFacts(client: pg.Client): Promise<DatabaseFacts> {
  void client;
  return Promise.reject(new Error('not yet'));
}
