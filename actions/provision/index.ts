import { runAction } from '../../src/github/run.ts';
import { dismissRunner } from '../runner-access.ts';
import { provision } from './provision.ts';

await runAction(provision, dismissRunner);
