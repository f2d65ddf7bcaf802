import { runAction } from '../../src/github/run.ts';
import { keepHeapLean } from '../../src/lean-heap.ts';
import { dismissRunner } from '../runner-access.ts';
import { cutover } from './cutover.ts';

keepHeapLean();
await runAction(cutover, dismissRunner);
