import type { DeclaredCheck } from '../migration/check-config.ts';
import { CERTIFICATE_DAYS } from '../migration/check-config.ts';
import { runCommand } from './command.ts';
import { enqueueAndSee } from './job.ts';
import { compareTimes, runLongRequest, runRequest } from './request.ts';
import type { Check } from './result.ts';
import { judged } from './result.ts';
import type { CheckRun, Seen } from './run.ts';
import { runScript } from './script.ts';
import { upload } from './upload.ts';
import { openWebSocket } from './websocket.ts';

/** Without a declaration the front page must answer. */
export const FRONT_PAGE: DeclaredCheck = {
  name: '/',
  kind: 'request',
  method: 'GET',
  path: '/',
  expected: {},
  withinFactor: undefined,
  certificateDays: CERTIFICATE_DAYS,
};

/** Whether a check may write: a side that is closed refuses it, so it is asked after the switch only. */
export function mayWrite(check: DeclaredCheck): boolean {
  switch (check.kind) {
    case 'request':
      return check.method !== 'GET' && check.method !== 'HEAD';
    case 'script':
      return check.steps.some(({ method }) => method !== 'GET' && method !== 'HEAD');
    case 'websocket':
    case 'long-request':
      return false;
    case 'upload':
    case 'job':
    case 'command':
      return true;
  }
}

/**
 * Runs the declared checks one after the other, each to its end; none of them throws for what it finds. `closed`: the
 * new side takes no writes yet.
 */
export async function runChecks(
  run: CheckRun,
  declared: readonly DeclaredCheck[],
  { closed }: { closed: boolean },
): Promise<Check[]> {
  const asked = declared.filter((check) => !closed || !mayWrite(check));
  const left = declared.filter((check) => closed && mayWrite(check));
  const checks: Check[] = [];
  for (const check of asked) {
    const seen = await seenBy(run, check);
    checks.push({
      ...judged(`function/${check.name}`, 'function', wordsOf(check), {
        ...seen,
        found: seen.found,
        remedy: 'Mend the application, or the check in migration.yml where that is wrong.',
      }),
      ...(seen.milliseconds === undefined ? {} : { milliseconds: { newSide: seen.milliseconds } }),
    });
    if (check.kind === 'request' && check.withinFactor !== undefined)
      checks.push(await compareTimes(run, check, check.withinFactor));
  }
  if (left.length > 0) {
    checks.push({
      id: 'function/after-the-switch',
      area: 'function',
      what: 'Checks that write',
      found: `not asked yet, since the new side is closed: ${left.map(({ name }) => name).join(', ')}`,
      state: 'told',
      remedy: 'verify asks them after the switch.',
    });
  }
  return checks;
}

function seenBy(run: CheckRun, check: DeclaredCheck): Promise<Seen> {
  switch (check.kind) {
    case 'request':
      return runRequest(run, check);
    case 'script':
      return runScript(run, check.steps, check.withinMs);
    case 'websocket':
      return openWebSocket(run, check);
    case 'upload':
      return upload(run, check);
    case 'long-request':
      return runLongRequest(run, check);
    case 'job':
      return enqueueAndSee(run, check);
    case 'command':
      return runCommand(run, check);
  }
}

function wordsOf(check: DeclaredCheck): string {
  switch (check.kind) {
    case 'request':
      return `${check.method} ${check.path} is answered as declared${check.name === check.path ? '' : ` (${check.name})`}`;
    case 'script':
      return `${check.name}: ${check.steps.length} requests, one after the other`;
    case 'websocket':
      return `${check.name}: a WebSocket opens at ${check.path}`;
    case 'upload':
      return `${check.name}: ${check.path} takes an upload of ${check.bytes / 1e6} MB`;
    case 'long-request':
      return `${check.name}: a request of ${check.lastingMs / 1000} s at ${check.path} is not cut off`;
    case 'job':
      return `${check.name}: a job is enqueued and done`;
    case 'command':
      return `${check.name}: the command ends well`;
  }
}
