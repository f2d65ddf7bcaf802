import { spawn } from 'node:child_process';

import { ConfigurationError } from '../errors.ts';
import { splitCommand } from '../split-command.ts';
import type { Delivery } from './post-json.ts';
import { PATIENCE_MS } from './post-json.ts';

/** Variables that hold our secrets or drive the runner: not for the user's command. */
const WITHHELD = /^(INPUT_|STATE_|ACTIONS_|GITHUB_(TOKEN|OUTPUT|ENV|PATH|STATE|STEP_SUMMARY)$)/;

/**
 * Runs the user's own command with the text on its standard input and `facts` in its environment. No shell takes part,
 * so nothing in a name or a text is ever obeyed. Its output is not kept. Never throws, but for a command line that
 * cannot be read (ConfigurationError).
 *
 * @param facts upper-case names, such as NOTICE_TEXT
 */
export async function runNoticeCommand(
  commandLine: string,
  text: string,
  facts: Record<string, string>,
  environment: Readonly<Record<string, string | undefined>> = process.env,
  patienceMs = PATIENCE_MS,
): Promise<Delivery> {
  const [command, ...rest] = splitCommand(commandLine, 'notify-command');
  if (command === undefined) throw new ConfigurationError('notify-command is empty.');
  const kept = Object.fromEntries(Object.entries(environment).filter(([name]) => !WITHHELD.test(name)));
  return new Promise((resolve) => {
    // A group of its own, so that what it starts ends with it.
    const child = spawn(command, rest, {
      env: { ...kept, ...facts },
      stdio: ['pipe', 'ignore', 'ignore'],
      detached: true,
    });
    const end = (delivery: Delivery): void => {
      clearTimeout(timer);
      resolve(delivery);
    };
    const timer = setTimeout(() => {
      if (child.pid !== undefined) killGroup(child.pid);
      end({ sent: false, reason: `it had not ended after ${patienceMs / 1000} s` });
    }, patienceMs);
    child.on('error', (error: NodeJS.ErrnoException) =>
      end({ sent: false, reason: `it could not be started (${error.code ?? 'no reason given'})` }),
    );
    child.on('close', (code, signal) =>
      end(
        code === 0 ? { sent: true } : { sent: false, reason: `it ended with ${code ?? signal ?? 'nothing'}` },
      ),
    );
    // A command need not read what it is given.
    child.stdin.on('error', () => undefined);
    child.stdin.end(text);
  });
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // It has ended meanwhile.
  }
}
