import type { PostgresServer } from '../servers/postgres.ts';

export interface HerokuDatabaseOptions {
  database: string;
  user: string;
  password: string;
  connectionLimit: number;
}

/** Makes a database that looks and refuses like Heroku Postgres. */
export declare function prepareHerokuDatabase(server: PostgresServer, options: HerokuDatabaseOptions): Promise<void>;
