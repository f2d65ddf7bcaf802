import type { Catalogue } from '../../src/digitalocean/prices.ts';
import type { HerokuInventory } from '../../src/heroku/inventory.ts';
import type { readSchedulerJobs } from '../../src/heroku/scheduler.ts';
import type { EnvironmentConfig, MigrationConfig } from '../../src/migration/config.ts';
import type { Plan } from '../../src/migration/plan.ts';
import type { AssessFacts } from '../../src/postgres/assess-facts.ts';
import type { DatabaseFacts } from '../../src/postgres/facts.ts';
import type { RedisAssessFacts } from '../../src/redis/assess-facts.ts';
import type { RedisFacts } from '../../src/redis/facts.ts';
import type { RepositoryFacts } from '../../src/repository/read-repository.ts';

/** Everything known of one app of one environment after assessing it. No secret and no config value is in it. */
export interface Assessment {
  /** What the user decided; made from what was found while there is no migration.yml: then `proposed` is true. */
  config: MigrationConfig;
  environment: EnvironmentConfig;
  proposed: boolean;
  /** The app's stage in its pipeline; null: it belongs to none. */
  stage: string | null;
  inventory: HerokuInventory;
  plan: Plan;
  /** Of the plan. */
  digest: string;
  /** `brief`: one of the pipeline's other apps, whose databases were not looked into and whose repository was not read. */
  depth: 'full' | 'brief';
  /** `undefined` in these: there is none, or it could not be read and the plan's items say why. */
  database: DatabaseFacts | undefined;
  databaseInDepth: AssessFacts | undefined;
  redis: RedisFacts | undefined;
  redisInDepth: RedisAssessFacts | undefined;
  repository: RepositoryFacts | undefined;
  scheduler: Awaited<ReturnType<typeof readSchedulerJobs>>;
  /** `undefined`: no token for DigitalOcean, or it could not be read. */
  catalogue: Catalogue | undefined;
}
