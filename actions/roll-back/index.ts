import { runAction } from '../../src/github/run.ts';
import { dismissRunner } from '../runner-access.ts';
import { rollBack } from './roll-back.ts';

await runAction(rollBack, dismissRunner);
