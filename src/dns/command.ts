import { spawn } from 'node:child_process';
import { z } from 'zod';

import type { Clock } from '../clock.ts';
import { ConfigurationError } from '../errors.ts';
import type { Log } from '../log.ts';
import { splitCommand } from '../split-command.ts';
import type { DnsProvider } from './provider.ts';
import { nameRecordSchema, sameRecords } from './record.ts';

export interface DnsCommandOptions {
  /** As in migration.yml; run without a shell. */
  command: string;
  zone: string;
  /** Handed to the command as DNS_COMMAND_SECRET, never in its arguments. */
  secret: string | undefined;
  environment: Readonly<Record<string, string | undefined>>;
  log: Log;
  clock: Clock;
  signal?: AbortSignal;
  patienceMs?: number;
}

/** The contract (docs/dns.md): one JSON object on standard input, one on standard output. */
export type DnsRequest = { version: 1; zone: string; name: string } & (
  | { verb: 'read' }
  | { verb: 'write'; records: { type: string; data: string; ttl: number }[] }
  | { verb: 'ensure-text'; value: string; ttl: number }
  | { verb: 'remove-text'; value: string }
);

const readAnswer = z.object({
  records: z.array(nameRecordSchema),
  texts: z.array(z.string()).default([]),
});
const changeAnswer = z.object({ changed: z.boolean() });

/** Exit codes: 0 done; 2 refused, a person must mend it; 75 (EX_TEMPFAIL) try again; all others are failures. */
const REFUSED = 2;
const TRY_AGAIN = 75;
const ATTEMPTS = 4;
const PATIENCE_MS = 60_000;
const LONGEST_OUTPUT = 1024 * 1024;

/** What any program needs to run and to find its way out; and the user's own `DNS_…`. Nothing of ours. */
const HANDED_ON =
  /^(PATH|HOME|USER|LANG|LC_[A-Z]+|TZ|TMPDIR|RUNNER_TEMP|SSL_CERT_(FILE|DIR)|NODE_EXTRA_CA_CERTS|DNS_[A-Z0-9_]+|(https?|no|all)_proxy|(HTTPS?|NO|ALL)_PROXY)$/;

/** A zone that the user's own command reads and writes. */
export function commandProvider(options: DnsCommandOptions): DnsProvider {
  const { zone } = options;
  const read = (name: string): Promise<z.infer<typeof readAnswer>> =>
    run(options, { version: 1, verb: 'read', zone, name }, readAnswer);
  return {
    title: 'your own DNS command',
    zone,
    readAddresses: async (name) => (await read(name)).records,
    writeAddresses: async (name, records) => {
      const plain = records.map(({ type, data, ttl }) => {
        if (type !== 'ALIAS') return { type, data, ttl };
        throw new ConfigurationError(
          `An ALIAS cannot be written by a command: lead ${name} to ${data} by hand.`,
        );
      });
      const { changed } = await run(
        options,
        { version: 1, verb: 'write', zone, name, records: plain },
        changeAnswer,
      );
      // A command that says "done" and did nothing would be noticed by visitors only.
      const now = (await read(name)).records;
      if (
        !sameRecords(
          now,
          plain.map((record) => nameRecordSchema.parse(record)),
        )
      ) {
        throw new ConfigurationError(
          `The DNS command said that it wrote ${name}, and reading shows other records. Mend it; docs/dns.md has its contract.`,
        );
      }
      return changed;
    },
    hasText: async (name, value) => (await read(name)).texts.includes(value),
    ensureText: async (name, value, ttl) =>
      (await run(options, { version: 1, verb: 'ensure-text', zone, name, value, ttl }, changeAnswer)).changed,
    removeText: async (name, value) => {
      await run(options, { version: 1, verb: 'remove-text', zone, name, value }, changeAnswer);
    },
  };
}

async function run<T>(options: DnsCommandOptions, request: DnsRequest, answer: z.ZodType<T>): Promise<T> {
  const { clock, log, signal } = options;
  const what = `${request.verb} ${request.name}`;
  for (let attempt = 1; ; attempt += 1) {
    const ended = await runOnce(options, JSON.stringify(request));
    signal?.throwIfAborted();
    if ('failure' in ended) throw new ConfigurationError(`The DNS command ${ended.failure} (${what}).`);
    const { code, output, said } = ended;
    if (code === 0) return parsed(output, answer, what);
    const words = said === '' ? 'It said nothing' : `It said: ${said}`;
    if (code === REFUSED) throw new ConfigurationError(`The DNS command refuses ${what}. ${words}`);
    if (code !== TRY_AGAIN || attempt >= ATTEMPTS) {
      throw new ConfigurationError(`The DNS command ended with ${code} (${what}). ${words}`);
    }
    log.warning(`The DNS command asks to be run again (${what}). ${words}`);
    await clock.sleep(1000 * 2 ** (attempt - 1), signal);
  }
}

function parsed<T>(output: string, answer: z.ZodType<T>, what: string): T {
  let value: unknown;
  try {
    value = JSON.parse(output);
  } catch {
    throw new ConfigurationError(
      `The DNS command ended well and its standard output is no JSON (${what}). docs/dns.md has its contract.`,
    );
  }
  const checked = answer.safeParse(value);
  if (checked.success) return checked.data;
  const fields = checked.error.issues.map(({ path, code }) => `${path.join('.') || 'the whole'}: ${code}`);
  throw new ConfigurationError(
    `The DNS command's answer to ${what} has another shape than its contract says (${fields.slice(0, 5).join('; ')}).`,
  );
}

type Ended = { code: number | string; output: string; said: string } | { failure: string };

function runOnce(options: DnsCommandOptions, input: string): Promise<Ended> {
  const { command, secret, environment, signal, patienceMs = PATIENCE_MS } = options;
  const [program, ...words] = splitCommand(command, 'dns.command');
  if (program === undefined) throw new ConfigurationError('`dns.command` of migration.yml is empty.');
  const kept = Object.fromEntries(Object.entries(environment).filter(([name]) => HANDED_ON.test(name)));
  return new Promise((resolve) => {
    // A group of its own, so that what it starts ends with it.
    const child = spawn(program, words, {
      env: { ...kept, ...(secret === undefined ? {} : { DNS_COMMAND_SECRET: secret }) },
      stdio: ['pipe', 'pipe', 'pipe'],
      detached: true,
    });
    let output = '';
    let said = '';
    const end = (ended: Ended): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', stop);
      resolve(ended);
    };
    const stop = (): void => {
      if (child.pid !== undefined) killGroup(child.pid);
    };
    const timer = setTimeout(() => {
      stop();
      end({ failure: `had not ended after ${patienceMs / 1000} s` });
    }, patienceMs);
    signal?.addEventListener('abort', stop, { once: true });
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text;
      if (output.length <= LONGEST_OUTPUT) return;
      stop();
      end({ failure: 'wrote more than 1 MiB' });
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      said = (said + text).slice(0, 2000);
    });
    child.on('error', (error: NodeJS.ErrnoException) =>
      end({ failure: `could not be started (${error.code ?? 'no reason given'})` }),
    );
    child.on('close', (code, by) =>
      end({ code: code ?? by ?? 'nothing', output, said: (said.trim().split('\n')[0] ?? '').slice(0, 300) }),
    );
    // A command need not read what it is given.
    child.stdin.on('error', () => undefined);
    child.stdin.end(`${input}\n`);
  });
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // It has ended meanwhile.
  }
}
