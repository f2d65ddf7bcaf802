/** What everything of one migration is called on DigitalOcean. */
export interface TargetNames {
  /** On every resource: the proof that it is ours. */
  tag: string;
  vpc: string;
  cluster: string;
  droplet: string;
  firewall: string;
  app: string;
  /** Of PgBouncer: the name takes the database's place in the application's address. */
  pool: string;
  /** The application's database and the user that owns its tables. */
  database: string;
  databaseUser: string;
  /** The name in the Redis server's certificate; its addresses are not known when the certificate is made. */
  redisServerName: string;
  redisAppUser: string;
  redisAdminUser: string;
}

/**
 * Names from the migration id (`shop-production`) and the application (`shop`). Pure, so that every phase and every
 * re-run looks for the same things.
 */
export function targetNames(migrationId: string, application: string): TargetNames {
  const database = application.replaceAll('-', '_');
  return {
    tag: `heroku-to-digitalocean:${migrationId}`,
    vpc: migrationId,
    cluster: migrationId,
    droplet: `${migrationId}-redis`,
    firewall: `${migrationId}-redis`,
    app: migrationId,
    pool: `${application}-pool`,
    database,
    databaseUser: database,
    redisServerName: `redis.${migrationId}.internal`,
    redisAppUser: 'app',
    redisAdminUser: 'admin',
  };
}
