import { runAction } from '../../src/github/run.ts';
import { keepHeapLean } from '../../src/lean-heap.ts';
import { dismissRunner } from '../runner-access.ts';
import { migrateDb } from './migrate-db.ts';

keepHeapLean();
await runAction(migrateDb, dismissRunner);
