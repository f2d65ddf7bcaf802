import { runAction } from '../../src/github/run.ts';
import { leaveNothing } from './leave-nothing.ts';
import { provision } from './provision.ts';

await runAction(provision, leaveNothing);
