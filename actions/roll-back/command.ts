import type { Edge } from '../../src/github/run.ts';
import { finalize } from './finalize/finalize.ts';
import { guard } from './guard.ts';
import { rollBack } from './roll-back.ts';

/** The input `command`: go back now, stand by, or give the way back up. */
export async function runCommand(edge: Edge): Promise<void> {
  switch (edge.inputs.choice('command', ['back', 'guard', 'finalize'])) {
    case 'back':
      return rollBack(edge);
    case 'guard':
      return guard(edge);
    case 'finalize':
      return finalize(edge);
  }
}
