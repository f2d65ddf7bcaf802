import { messageOf } from '../errors.ts';
import { requireMigrationKey } from '../migration/secrets.ts';
import { missing, ok, type Check } from './check.ts';

const MAKE =
  '`openssl rand -hex 32 | gh secret set MIGRATION_KEY --env <environment>`, the same key in every environment';

/** Whether a key is there and long enough. Nothing of it is told, its length included. */
export function keyCheck(key: string | undefined): Check {
  if (key === undefined) return missing('Migration key', 'Input migration-key', 'none was given', MAKE);
  try {
    requireMigrationKey(key);
    return ok('Migration key', 'Input migration-key', 'long enough');
  } catch (error) {
    return missing('Migration key', 'Input migration-key', messageOf(error), MAKE);
  }
}
