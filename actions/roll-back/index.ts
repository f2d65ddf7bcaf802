import { runAction } from '../../src/github/run.ts';
import { keepHeapLean } from '../../src/lean-heap.ts';
import { dismissRunner } from '../runner-access.ts';
import { runCommand } from './command.ts';

keepHeapLean();
await runAction(runCommand, dismissRunner);
