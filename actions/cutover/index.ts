import { runAction } from '../../src/github/run.ts';
import { dismissRunner } from '../runner-access.ts';
import { cutover } from './cutover.ts';

await runAction(cutover, dismissRunner);
