import type { Edge } from '../../src/github/run.ts';
import { guard } from './guard.ts';
import { rollBack } from './roll-back.ts';

/** The input `command`: go back now, or stand by. */
export async function runCommand(edge: Edge): Promise<void> {
  if (edge.inputs.choice('command', ['back', 'guard']) === 'guard') await guard(edge);
  else await rollBack(edge);
}
