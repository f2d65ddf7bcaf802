import * as core from '@actions/core';

import type { Clock } from '../clock.ts';
import { systemClock } from '../clock.ts';
import { ConfigurationError, messageOf } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Inputs } from './inputs.ts';
import { inputsFrom, readEnvironmentInput, SECRET_INPUTS } from './inputs.ts';
import type { Masks } from './masks.ts';
import { createMasks } from './masks.ts';
import type { RunEnvironment } from './run-environment.ts';
import { readRunEnvironment } from './run-environment.ts';
import { logLine, plainLines, shorten } from '../report/escape.ts';

export type { RunEnvironment } from './run-environment.ts';

/** Everything outside that an action touches, so that its story takes it as one parameter. */
export interface Edge {
  readonly inputs: Inputs;
  /** Redacts every masked value by itself, too. One call is one line: nothing in it can become a command to the runner. */
  readonly log: Log;
  readonly clock: Clock;
  /** Aborts on SIGINT and SIGTERM, which is how GitHub cancels a job (it kills about ten seconds later). */
  readonly signal: AbortSignal;
  readonly environment: RunEnvironment;
  /** From here on the value shows as *** in logs and summaries. Only for tokens, passwords and connection strings: GitHub also drops outputs that hold a masked value. */
  mask(value: string): void;
  /** Masks a connection string and the password in it, as written and decoded. */
  maskUrl(url: string): void;
  /** The text without what was masked: for whatever is written to a file, which the runner does not look at. */
  redact(text: string): string;
  setOutput(name: string, value: string | number | boolean): void;
  /** A note on the page of the run, with a title. GitHub shows ten of a level for each step. */
  annotate(level: 'error' | 'warning' | 'notice', title: string, message: string): void;
  /** Keeps a value for the post step. Never a secret: state is a file on the runner. */
  saveState(name: string, value: string): void;
  getState(name: string): string;
  /** Appends Markdown to the step summary (cut with a note below GitHub's 1 MiB); outside of GitHub it goes to the log. */
  summary(markdown: string): Promise<void>;
}

const IS_POST = 'isPost';
// More than 1 MiB is not cut but refused as a whole by the runner (its FileCommandManager).
const LARGEST_SUMMARY = 1024 * 1024 - 4096;
/** Characters. */
const LONGEST_ERROR = 20_000;
const PATIENCE_AT_THE_END_MS = 5_000;

/**
 * The entry of every action: masks the secrets, runs `main`, and has the one catch. In the action's post step (same
 * file, told apart by state) `post` runs instead, and its failure is only a warning.
 */
export async function runAction(
  main: (edge: Edge) => Promise<void>,
  post?: (edge: Edge) => Promise<void>,
): Promise<void> {
  const onGitHub = process.env.GITHUB_ACTIONS === 'true';
  // Outside of GitHub the command that masks would print the secret to the terminal.
  const masks = createMasks((value) => {
    if (onGitHub) core.setSecret(value);
  });
  for (const name of SECRET_INPUTS) masks.add(readEnvironmentInput(process.env, name) ?? '');
  const edge = createEdge(masks, onGitHub);
  // No runner comes back for the post step of a shell: then this process does it itself, at its end.
  const isAlone = !onGitHub && process.env.GITHUB_STATE === undefined;
  const isPost = edge.getState(IS_POST) === 'true';
  try {
    if (isPost) await post?.(edge);
    else {
      edge.saveState(IS_POST, 'true');
      await main(edge);
    }
  } catch (error) {
    if (isPost) edge.log.warning(`Cleaning up failed: ${messageOf(error)}`);
    else fail(edge, masks, onGitHub, error);
  }
  if (isAlone && !isPost)
    await post?.(edge).catch((error: unknown) => edge.log.warning(`Cleaning up failed: ${messageOf(error)}`));
  leaveEvenIfSomethingIsOpen(edge);
}

function createEdge(masks: Masks, onGitHub: boolean): Edge {
  const log = onGitHub ? runnerLog(masks) : plainLog(masks);
  let summarised = 0;
  const kept = new Map<string, string>();
  return {
    inputs: inputsFrom(
      (name) => readEnvironmentInput(process.env, name),
      (value) => masks.add(value),
    ),
    log,
    clock: systemClock,
    signal: cancellation(log),
    environment: readRunEnvironment(process.env),
    mask: (value) => masks.add(value),
    maskUrl: (url) => masks.addUrl(url),
    redact: (text) => masks.redact(text),
    setOutput(name, value) {
      if (process.env.GITHUB_OUTPUT) core.setOutput(name, value);
      else log.info(`Output ${name}: ${value}`);
    },
    annotate(level, title, message) {
      const text = logLine(masks.redact(message));
      if (onGitHub) core[level](text, { title: logLine(masks.redact(title)) });
      else log.info(`${title}: ${text}`);
    },
    saveState(name, value) {
      if (process.env.GITHUB_STATE) core.saveState(name, value);
      else kept.set(name, value);
    },
    getState: (name) => process.env[`STATE_${name}`] ?? kept.get(name) ?? '',
    async summary(markdown) {
      const text = cut(masks.redact(markdown), LARGEST_SUMMARY - summarised);
      summarised += Buffer.byteLength(text) + 1;
      if (process.env.GITHUB_STEP_SUMMARY) await core.summary.addRaw(text, true).write();
      else tellLines(log, text);
    },
  };
}

/** Names of tables, keys and dynos come from outside, and on standard output `::command::` would be obeyed. */
function runnerLog(masks: Masks): Log {
  const clean = (line: string): string => logLine(masks.redact(line));
  return {
    info: (line) => core.info(clean(line)),
    warning: (line) => core.warning(clean(line)),
    debug: (line) => core.debug(clean(line)),
    group: (title, body) => core.group(clean(title), body),
  };
}

function plainLog(masks: Masks): Log {
  const print = (line: string): void => {
    process.stdout.write(`${logLine(masks.redact(line))}\n`);
  };
  return {
    info: print,
    warning: (line) => print(`Warning: ${line}`),
    debug: (line) => {
      if (process.env.RUNNER_DEBUG === '1') print(`Debug: ${line}`);
    },
    group: (title, body) => {
      print(`── ${title}`);
      return body();
    },
  };
}

/** The runner sends SIGINT, 7.5 s later SIGTERM, and kills after 2.5 s more. */
function cancellation(log: Log): AbortSignal {
  const cancelled = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      if (cancelled.signal.aborted) return;
      log.warning(`Cancelled (${signal}).`);
      cancelled.abort(new ConfigurationError('This run was cancelled.'));
    });
  }
  return cancelled.signal;
}

function fail(edge: Edge, masks: Masks, onGitHub: boolean, error: unknown): void {
  const message = shorten(plainLines(masks.redact(messageOf(error))), LONGEST_ERROR);
  if (onGitHub) core.setFailed(message);
  else {
    process.stderr.write(`Error: ${message}\n`);
    process.exitCode = 1;
  }
  // What the user can mend needs no stack; for anything else the innermost one tells where it began.
  const root = rootCause(error);
  if (root instanceof Error && !(root instanceof ConfigurationError) && root.stack)
    tellLines(edge.log, root.stack);
}

/** For text that has lines of its own: a stack, a summary. */
function tellLines(log: Log, text: string): void {
  for (const line of text.split('\n')) log.info(line);
}

function rootCause(error: unknown): unknown {
  let root = error;
  for (let depth = 0; depth < 10 && root instanceof Error && root.cause instanceof Error; depth++)
    root = root.cause;
  return root;
}

/** A connection left open must not let the job hang until its timeout. */
function leaveEvenIfSomethingIsOpen(edge: Edge): void {
  setTimeout(() => {
    edge.log.warning('Something was left open at the end; leaving all the same.');
    process.exit();
  }, PATIENCE_AT_THE_END_MS).unref();
}

/** Whole lines up to `bytes`, and a note when something is missing. */
function cut(markdown: string, bytes: number): string {
  if (Buffer.byteLength(markdown) <= bytes) return markdown;
  const note =
    '\n\n> The rest is left out: GitHub shows no summary above 1 MiB. The migration record holds everything.';
  const kept = Buffer.from(markdown)
    .subarray(0, Math.max(0, bytes - Buffer.byteLength(note)))
    .toString();
  const lines = kept.slice(0, Math.max(0, kept.lastIndexOf('\n')));
  // A fence or folded part that was cut open would swallow the note.
  const open = (lines.match(/^(```|~~~)/gm)?.length ?? 0) % 2 === 1 ? '\n```' : '';
  const folded = (lines.match(/<details>/g)?.length ?? 0) - (lines.match(/<\/details>/g)?.length ?? 0);
  return bytes <= 0 ? '' : `${lines}${open}${'\n</details>'.repeat(Math.max(0, folded))}${note}`;
}
