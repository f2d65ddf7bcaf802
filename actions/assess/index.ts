import { runAction } from '../../src/github/run.ts';
import { assess } from './assess.ts';

await runAction(assess);
