import type { HerokuInventory } from '../heroku/inventory.ts';
import type { MigrationConfig } from './config.ts';

/** One app that a proposal is about. */
export interface ProposedApp {
  /** Its stage in the pipeline; null: it belongs to none. */
  stage: string | null;
  inventory: HerokuInventory;
}

/** A migration.yml that nobody has written yet. */
export interface ProposedConfig {
  /** The file, with comments; `parseMigrationConfig` accepts it. */
  text: string;
  config: MigrationConfig;
}
