import { runAction } from '../../src/github/run.ts';
import { dismissRunner } from '../runner-access.ts';
import { migrateDb } from './migrate-db.ts';

await runAction(migrateDb, dismissRunner);
