import { tmpdir } from 'node:os';

import * as core from '@actions/core';

import type { Clock } from '../clock.ts';
import { systemClock } from '../clock.ts';
import { ConfigurationError, messageOf } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Inputs } from './inputs.ts';
import { SECRET_INPUTS, createInputs } from './inputs.ts';
import { createMasker } from './masker.ts';

/** The run that this process belongs to; also outside of GitHub, with values of its own. */
export interface RunEnvironment {
  onGitHub: boolean;
  /** `owner/name`, or empty outside of GitHub. */
  repository: string;
  runId: string;
  runAttempt: number;
  runUrl: string;
  actor: string;
  triggeringActor: string;
  apiUrl: string;
  sha: string;
  /** Of the caller's checkout. */
  workspace: string;
  /** For files that do not outlive the job. */
  temporaryDirectory: string;
}

/** Everything outside that an action touches, so that its story takes it as one parameter. */
export interface Edge {
  readonly inputs: Inputs;
  readonly log: Log;
  readonly clock: Clock;
  /** Aborts on SIGINT and SIGTERM, which is how GitHub cancels a job (it kills about ten seconds later). */
  readonly signal: AbortSignal;
  readonly environment: RunEnvironment;
  /** From here on the value shows as *** in logs, summaries and outputs. */
  mask(value: string): void;
  /** Masks a connection string and the password in it, as written and decoded. */
  maskUrl(url: string): void;
  setOutput(name: string, value: string | number | boolean): void;
  saveState(name: string, value: string): void;
  getState(name: string): string;
  /** Appends Markdown to the step summary (cut with a note below GitHub's 1 MiB); outside of GitHub it goes to the log. */
  summary(markdown: string): Promise<void>;
}

/** GitHub drops a whole summary above 1 MiB (runner, FileCommandManager). */
const LARGEST_SUMMARY = 1024 * 1024 - 4096;

/**
 * One entry, one catch. `post` is run instead in the action's post step; its failure is only a warning.
 *
 * Secret inputs are masked first, then `main` tells its story. A ConfigurationError is shown without a stack; of
 * anything else thrown only the message and the stack, never the object, since clients' errors carry tokens.
 */
export async function runAction(
  main: (edge: Edge) => Promise<void>,
  post?: (edge: Edge) => Promise<void>,
): Promise<void> {
  const cancelled = new AbortController();
  const edge = createEdge(cancelled.signal);
  const isPost = core.getState('is-post') !== '';
  const cancel = (): void => {
    cancelled.abort(new Error('The run was cancelled.'));
  };
  process.once('SIGINT', cancel);
  process.once('SIGTERM', cancel);
  try {
    if (isPost) {
      await post?.(edge);
    } else {
      core.saveState('is-post', 'true');
      await main(edge);
    }
  } catch (error) {
    if (isPost) edge.log.warning(`Cleaning up failed: ${messageOf(error)}`);
    else fail(error, edge);
  } finally {
    process.off('SIGINT', cancel);
    process.off('SIGTERM', cancel);
  }
}

function fail(error: unknown, edge: Edge & { redact: (text: string) => string }): void {
  core.setFailed(edge.redact(messageOf(error)));
  const isOurs = error instanceof ConfigurationError;
  if (!isOurs && error instanceof Error && error.stack !== undefined) edge.log.debug(error.stack);
}

function createEdge(signal: AbortSignal): Edge & { redact: (text: string) => string } {
  const masker = createMasker((value) => core.setSecret(value));
  const inputs = createInputs((name) => core.getInput(name), masker.mask);
  for (const name of SECRET_INPUTS) inputs.optionalSecret(name);
  const environment = readEnvironment(process.env);
  let summarised = 0;

  return {
    inputs,
    log: coreLog(masker.redact),
    clock: systemClock,
    signal,
    environment,
    mask: masker.mask,
    maskUrl: masker.maskUrl,
    redact: masker.redact,
    setOutput: (name, value) => {
      if (environment.onGitHub) core.setOutput(name, value);
      else core.info(`${name}=${masker.redact(String(value))}`);
    },
    saveState: (name, value) => core.saveState(name, value),
    getState: (name) => core.getState(name),
    summary: async (markdown) => {
      const text = masker.redact(markdown);
      if (process.env.GITHUB_STEP_SUMMARY === undefined) {
        core.info(text);
        return;
      }
      const room = LARGEST_SUMMARY - summarised;
      const fits = Buffer.byteLength(text) <= room;
      const shown = fits ? text : `${cut(text, Math.max(room - 200, 0))}\n\n*Cut here: the whole is in the migration record.*\n`;
      summarised += Buffer.byteLength(shown);
      await core.summary.addRaw(shown, true).write();
    },
  };
}

function cut(text: string, bytes: number): string {
  return Buffer.from(text).subarray(0, bytes).toString('utf8').replace(/\uFFFD$/, '');
}

/** What is written passes our own redaction too: the runner's masks begin only with the next line it reads. */
function coreLog(redact: (text: string) => string): Log {
  return {
    info: (line) => core.info(redact(line)),
    warning: (line) => core.warning(redact(line)),
    debug: (line) => core.debug(redact(line)),
    group: (title, body) => core.group(redact(title), body),
  };
}

function readEnvironment(env: NodeJS.ProcessEnv): RunEnvironment {
  const repository = env.GITHUB_REPOSITORY ?? '';
  const runId = env.GITHUB_RUN_ID ?? `local-${process.pid}`;
  const actor = env.GITHUB_ACTOR ?? env.USER ?? 'unknown';
  return {
    onGitHub: env.GITHUB_ACTIONS === 'true',
    repository,
    runId,
    runAttempt: Number(env.GITHUB_RUN_ATTEMPT ?? 1),
    runUrl: env.GITHUB_SERVER_URL === undefined ? runId : `${env.GITHUB_SERVER_URL}/${repository}/actions/runs/${runId}`,
    actor,
    triggeringActor: env.GITHUB_TRIGGERING_ACTOR ?? actor,
    apiUrl: env.GITHUB_API_URL ?? 'https://api.github.com',
    sha: env.GITHUB_SHA ?? '',
    workspace: env.GITHUB_WORKSPACE ?? process.cwd(),
    temporaryDirectory: env.RUNNER_TEMP ?? tmpdir(),
  };
}
