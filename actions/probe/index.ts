import { runAction } from '../../src/github/run.ts';
import { dismissRunner } from '../runner-access.ts';
import { probe } from './probe.ts';

await runAction(probe, dismissRunner);
