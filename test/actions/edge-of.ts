import { systemClock } from '../../src/clock.ts';
import { inputsFrom } from '../../src/github/inputs.ts';
import { readRunEnvironment } from '../../src/github/run-environment.ts';
import type { Edge } from '../../src/github/run.ts';
import { silentLog, type Log } from '../../src/log.ts';

/** The outside of a part of an action that only reads: whatever would write there is a mistake. */
export function edgeOf(
  inputs: Record<string, string>,
  { environment = {}, log = silentLog }: { environment?: Record<string, string>; log?: Log } = {},
): Edge {
  const unused = (): never => {
    throw new Error('Nothing of this is for what only reads.');
  };
  return {
    inputs: inputsFrom(
      (name) => inputs[name],
      () => undefined,
    ),
    log,
    clock: systemClock,
    signal: new AbortController().signal,
    environment: readRunEnvironment(environment),
    mask: () => undefined,
    maskUrl: () => undefined,
    redact: (text) => text,
    setOutput: unused,
    annotate: unused,
    saveState: unused,
    getState: unused,
    summary: unused,
  };
}
