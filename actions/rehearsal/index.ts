import { runAction } from '../../src/github/run.ts';
import { rehearsal } from './rehearsal.ts';

await runAction(rehearsal);
