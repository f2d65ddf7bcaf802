import { runAction } from '../../src/github/run.ts';
import { dismissRunner } from '../runner-access.ts';
import { verify } from './verify.ts';

await runAction(verify, dismissRunner);
