import { runAction } from '../../src/github/run.ts';
import { keepHeapLean } from '../../src/lean-heap.ts';
import { assess } from './assess.ts';

keepHeapLean();
await runAction(assess);
