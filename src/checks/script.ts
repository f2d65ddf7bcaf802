import type { Capture, Step } from '../migration/check-config.ts';
import { ask, ANSWER_LIMIT_MS } from './ask.ts';
import { whyNot } from './connection.ts';
import { CookieJar } from './cookies.ts';
import type { Answer } from './exchange.ts';
import { problemsOf } from './expectation.ts';
import { atPointer, readJson } from './json-pointer.ts';
import type { Known } from './placeholders.ts';
import type { CheckRun, Seen } from './run.ts';

/** What a sequence carries from step to step. */
export interface Conversation {
  known: Known;
  jar: CookieJar;
}

export function newConversation({ secrets }: Pick<CheckRun, 'secrets'>): Conversation {
  return { known: { captured: new Map(), secrets }, jar: new CookieJar() };
}

/** Runs the steps one after the other with one set of cookies; the first that is not as expected ends it. */
export async function runScript(
  run: CheckRun,
  steps: readonly Step[],
  withinMs: number | undefined,
): Promise<Seen> {
  const conversation = newConversation(run);
  let milliseconds = 0;
  for (const [index, step] of steps.entries()) {
    const seen = await runStep(run, step, conversation);
    milliseconds += seen.milliseconds ?? 0;
    if (!seen.passed) {
      return {
        ...seen,
        found: `step ${index + 1} of ${steps.length}, ${step.method} ${step.path}: ${seen.found}`,
      };
    }
  }
  const found = `${steps.length} steps in ${milliseconds} ms`;
  return withinMs !== undefined && milliseconds > withinMs
    ? { passed: false, found: `${found}, and ${withinMs} ms are the most`, milliseconds }
    : { passed: true, found, milliseconds };
}

/** One step; what it captures is known to those after it. */
export async function runStep(run: CheckRun, step: Step, conversation: Conversation): Promise<Seen> {
  let answer: Answer;
  try {
    answer = await ask(run, run.base, step, {
      ...conversation,
      limitMs: Math.max(ANSWER_LIMIT_MS, step.expected.withinMs ?? 0),
    });
  } catch (error) {
    run.signal.throwIfAborted();
    return { passed: false, found: `no answer (${whyNot(error)})` };
  }
  const { milliseconds } = answer;
  const problems = problemsOf(answer, step.expected, new URL(step.path, run.base));
  for (const [name, how] of Object.entries(step.capture)) {
    const value = captured(answer, how);
    if (value === undefined) problems.push(`nothing to capture as {{${name}}}`);
    else conversation.known.captured.set(name, value);
  }
  return problems.length === 0
    ? { passed: true, found: `HTTP ${answer.status}`, milliseconds }
    : { passed: false, found: problems.join('; '), milliseconds };
}

function captured({ body, headers }: Answer, { matches, json, header }: Capture): string | undefined {
  if (header !== undefined) {
    const there = headers[header.toLowerCase()];
    return Array.isArray(there) ? there[0] : there;
  }
  if (json !== undefined) {
    const parsed = readJson(body);
    const value = parsed === undefined ? undefined : atPointer(parsed, json);
    return typeof value === 'string' || typeof value === 'number' ? String(value) : undefined;
  }
  if (matches === undefined) return undefined;
  const found = new RegExp(matches, 's').exec(body);
  const value = found?.[1] ?? found?.[0];
  return value === undefined ? undefined : decodeEntities(value);
}

/** A token in an attribute is written as HTML. */
function decodeEntities(text: string): string {
  return text
    .replaceAll('&quot;', '"')
    .replaceAll('&#39;', "'")
    .replaceAll('&#x27;', "'")
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&#43;', '+')
    .replaceAll('&amp;', '&');
}
