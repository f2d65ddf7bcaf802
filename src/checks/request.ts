import type { DeclaredCheck } from '../migration/check-config.ts';
import { ask, ANSWER_LIMIT_MS } from './ask.ts';
import { certificateState } from './certificate.ts';
import { whyNot } from './connection.ts';
import type { Answer } from './exchange.ts';
import { problemsOf } from './expectation.ts';
import type { Check } from './result.ts';
import { judged } from './result.ts';
import type { CheckRun, Seen } from './run.ts';

type RequestCheck = Extract<DeclaredCheck, { kind: 'request' }>;
type LongRequest = Extract<DeclaredCheck, { kind: 'long-request' }>;

/** Times of each side that are compared: the middle one of so many, after one that warms. */
const SAMPLES = 5;

/** A single request and what its answer must be. */
export async function runRequest(run: CheckRun, check: RequestCheck): Promise<Seen> {
  const answer = await answerTo(run, run.base, check);
  if (typeof answer === 'string') return { passed: false, found: `no answer (${answer})` };
  const problems = problemsOf(answer, check.expected, new URL(check.path, run.base));
  const certificate = certificateState(answer.certificate, check.certificateDays, run.clock.now());
  if (!certificate.passed) problems.push(`its certificate is ${certificate.found}`);
  const { milliseconds } = answer;
  return problems.length === 0
    ? { passed: true, found: `HTTP ${answer.status} in ${milliseconds} ms`, milliseconds }
    : { passed: false, found: problems.join('; '), milliseconds };
}

/**
 * The time of a request on both sides, taken in turns in this run so that both see the same weather: the middle of
 * several. Without an old side that serves there is nothing to compare, and that is told, not passed.
 */
export async function compareTimes(run: CheckRun, check: RequestCheck, factor: number): Promise<Check> {
  const id = `function/${check.name}/time`;
  const what = `${check.path} takes at most ${factor} times what it takes on the old side`;
  if (run.oldBase === undefined) {
    return {
      id,
      area: 'function',
      what,
      found: 'not compared: the old side does not serve any more',
      state: 'told',
      remedy: 'Run verify before the cutover, or rehearse: both measure while the old side serves.',
    };
  }
  const times = { newSide: [] as number[], oldSide: [] as number[] };
  for (let sample = 0; sample <= SAMPLES; sample += 1) {
    for (const [side, base] of [
      ['newSide', run.base],
      ['oldSide', run.oldBase],
    ] as const) {
      const answer = await answerTo(run, base, check);
      if (typeof answer === 'string')
        return judged(id, 'function', what, {
          passed: false,
          found: `no answer of the ${side === 'newSide' ? 'new' : 'old'} side (${answer})`,
        });
      if (sample > 0) times[side].push(answer.milliseconds);
    }
  }
  const milliseconds = { newSide: middle(times.newSide), oldSide: middle(times.oldSide) };
  // Below this the clock and the way there say more than the application.
  const most = Math.max(milliseconds.oldSide, 5) * factor;
  return {
    ...judged(id, 'function', what, {
      passed: milliseconds.newSide <= most,
      found: `${milliseconds.newSide} ms, and ${milliseconds.oldSide} ms on the old side (the middle of ${SAMPLES})`,
      remedy: 'Look at its queries on the new side, at the size of its instances and of the cluster.',
    }),
    milliseconds,
  };
}

/** A request that takes long: what cuts it off in between would be seen. */
export async function runLongRequest(run: CheckRun, check: LongRequest): Promise<Seen> {
  const limitMs = Math.max(check.lastingMs * 2, check.expected.withinMs ?? 0, ANSWER_LIMIT_MS);
  const answer = await answerTo(run, run.base, { ...check, method: 'GET' }, limitMs);
  if (typeof answer === 'string') return { passed: false, found: `no answer (${answer})` };
  const { milliseconds } = answer;
  const problems = problemsOf(answer, check.expected, new URL(check.path, run.base));
  if (milliseconds < check.lastingMs)
    problems.push(`it took ${milliseconds} ms only, which proves nothing of ${check.lastingMs} ms`);
  return problems.length === 0
    ? { passed: true, found: `HTTP ${answer.status} after ${milliseconds} ms`, milliseconds }
    : { passed: false, found: problems.join('; '), milliseconds };
}

function answerTo(
  run: CheckRun,
  base: string,
  check: Pick<RequestCheck, 'method' | 'path' | 'form' | 'body' | 'send'>,
  limitMs?: number,
): Promise<Answer | string> {
  const known = { captured: new Map<string, string>(), secrets: run.secrets };
  return ask(run, base, check, { known, ...(limitMs === undefined ? {} : { limitMs }) }).catch(
    (error: unknown) => {
      run.signal.throwIfAborted();
      return whyNot(error);
    },
  );
}

function middle(times: readonly number[]): number {
  return [...times].sort((one, other) => one - other)[Math.floor(times.length / 2)] ?? 0;
}
