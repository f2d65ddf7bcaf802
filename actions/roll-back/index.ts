import { runAction } from '../../src/github/run.ts';
import { keepHeapLean } from '../../src/lean-heap.ts';
import { dismissRunner } from '../runner-access.ts';
import { rollBack } from './roll-back.ts';

keepHeapLean();
await runAction(rollBack, dismissRunner);
