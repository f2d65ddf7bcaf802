import { runAction } from '../../src/github/run.ts';
import { keepHeapSmall } from '../../src/lean-heap.ts';
import { assess } from './assess.ts';

keepHeapSmall();
await runAction(assess);
