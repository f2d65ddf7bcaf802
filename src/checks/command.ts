import { spawn } from 'node:child_process';

import type { CheckRun, Seen } from './run.ts';
import { splitCommand } from '../split-command.ts';

/** Variables that hold our secrets or drive the runner: not for the user's command. */
const WITHHELD = /^(INPUT_|STATE_|ACTIONS_|GITHUB_(TOKEN|OUTPUT|ENV|PATH|STATE|STEP_SUMMARY)$)/;
const LONGEST_LINE = 200;
const MOST_OUTPUT = 64 * 1024;

/**
 * Runs the user's own program: a mail that must arrive, a webhook that a sender must deliver. No shell takes part. It
 * gets `CHECK_URL`, `CHECK_NAME` and `CHECK_ENVIRONMENT` in its environment and the secrets that it was promised as JSON
 * on its standard input, never among its arguments. It passes by ending with 0; the last line that it prints is told.
 */
export async function runCommand(
  run: CheckRun,
  {
    name,
    command,
    secrets,
    withinMs,
  }: { name: string; command: string; secrets: string[]; withinMs: number },
): Promise<Seen> {
  const missing = secrets.filter((one) => !Object.hasOwn(run.secrets, one));
  if (missing.length > 0) return { passed: false, found: `check-secrets holds no ${missing.join(', ')}` };
  let words: string[];
  try {
    words = splitCommand(command, 'the command');
  } catch {
    return { passed: false, found: 'the command has a quote that is not closed, or ends with a backslash' };
  }
  const [program = '', ...rest] = words;
  const kept = Object.fromEntries(Object.entries(run.environment).filter(([key]) => !WITHHELD.test(key)));
  const started = performance.now();
  const { ended, output } = await new Promise<{ ended: string | undefined; output: string }>((resolve) => {
    const chunks: Buffer[] = [];
    let length = 0;
    // A group of its own, so that what it starts ends with it.
    const child = spawn(program, rest, {
      env: { ...kept, CHECK_URL: run.base, CHECK_NAME: name, CHECK_ENVIRONMENT: run.environmentName },
      stdio: ['pipe', 'pipe', 'ignore'],
      detached: true,
    });
    const end = (ended: string | undefined): void => {
      clearTimeout(timer);
      run.signal.removeEventListener('abort', stop);
      resolve({ ended, output: Buffer.concat(chunks).toString('utf8') });
    };
    const stop = (): void => {
      if (child.pid !== undefined) killGroup(child.pid);
    };
    const timer = setTimeout(() => {
      stop();
      end(`it had not ended after ${Math.round(withinMs / 1000)} s`);
    }, withinMs);
    run.signal.addEventListener('abort', stop, { once: true });
    child.stdout.on('data', (chunk: Buffer) => {
      if (length < MOST_OUTPUT) chunks.push(chunk);
      length += chunk.length;
    });
    child.on('error', (error: NodeJS.ErrnoException) =>
      end(`it could not be started (${error.code ?? 'no reason given'})`),
    );
    child.on('close', (code, signal) =>
      end(code === 0 ? undefined : `it ended with ${code ?? signal ?? 'nothing'}`),
    );
    // A command need not read what it is given.
    child.stdin.on('error', () => undefined);
    child.stdin.end(JSON.stringify(Object.fromEntries(secrets.map((one) => [one, run.secrets[one] ?? '']))));
  });
  run.signal.throwIfAborted();
  const milliseconds = Math.round(performance.now() - started);
  const line = plainLine(run.redact(output));
  const told = line === '' ? '' : `: ${line}`;
  return ended === undefined
    ? { passed: true, found: `it ended well${told}`, milliseconds }
    : { passed: false, found: `${ended}${told}`, milliseconds };
}

/** The last line that says something, without what steers a terminal. */
function plainLine(output: string): string {
  const lines = output
    .toWellFormed()
    .split('\n')
    .map((line) => line.replaceAll(/[\p{Cc}\p{Cf}]+/gu, ' ').trim());
  return (lines.findLast((line) => line !== '') ?? '').slice(0, LONGEST_LINE);
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // It has ended meanwhile.
  }
}
