import { runAction } from '../../src/github/run.ts';
import { keepHeapLean } from '../../src/lean-heap.ts';
import { dismissRunner } from '../runner-access.ts';
import { verify } from './verify.ts';

keepHeapLean();
await runAction(verify, dismissRunner);
