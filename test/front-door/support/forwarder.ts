import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { freePort } from '../../../rehearsal/servers/free-port.ts';
import { startProcess, temporaryDirectory, type ServerProcess } from '../../../rehearsal/servers/process.ts';
import { frontDoorSource } from '../../../src/front-door/source.ts';
import type { Settings } from '../../../src/front-door/program/settings.ts';
// Ends what was started with the test file.
import '../../support/servers.ts';
import type { NewSide } from './new-side.ts';

export const SECRET = 'a secret between two';
export const MIGRATION = 'shop-staging';

/** The very program that a slug holds, in a process of its own, as a dyno runs it. */
export interface Forwarder {
  port: number;
  url: string;
  process: ServerProcess;
  /** What it has written so far. */
  lines: string[];
  /** Waits for a line, of those after the first `after`; throws after half a minute. */
  said(text: string, after?: number): Promise<void>;
  /** Waits until it has read what was sent to it before, and who went away before. */
  hasHeard(): Promise<void>;
  residentMib(): number;
}

export interface ForwarderOptions {
  newSide: NewSide;
  /** Without it the forwarder forwards always. */
  databaseUrl?: string;
  settings?: Partial<Settings>;
  environment?: Record<string, string>;
}

export async function startForwarder(options: ForwarderOptions): Promise<Forwarder> {
  const { newSide, databaseUrl, settings = {} } = options;
  const directory = temporaryDirectory('front-door');
  const { files } = frontDoorSource({
    targetHost: newSide.host,
    migrationId: MIGRATION,
    secret: SECRET,
    forwards: databaseUrl === undefined ? 'always' : 'row',
  });
  files['front-door.json'] = JSON.stringify({
    ...(JSON.parse(files['front-door.json'] ?? '{}') as Settings),
    ...settings,
  });
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(directory, path)), { recursive: true });
    writeFileSync(join(directory, path), content);
  }
  writeFileSync(join(directory, 'authority.pem'), newSide.authority);
  const port = await freePort();
  const lines: string[] = [];
  const process_ = startProcess(process.execPath, ['server.js'], {
    cwd: directory,
    env: {
      PATH: process.env['PATH'],
      PORT: `${port}`,
      NODE_EXTRA_CA_CERTS: join(directory, 'authority.pem'),
      ...(databaseUrl === undefined ? {} : { DATABASE_URL: databaseUrl }),
      ...options.environment,
    },
    onLine: (line) => lines.push(line),
  });
  let ended = false;
  void process_.exited.then(() => (ended = true));
  const forwarder: Forwarder = {
    port,
    url: `http://127.0.0.1:${port}`,
    process: process_,
    lines,
    said: async (text, after = 0) => {
      const deadline = Date.now() + 30_000;
      while (!lines.slice(after).some((line) => line.includes(text))) {
        if (ended || Date.now() > deadline)
          throw new Error(`It did not say "${text}" but:\n${lines.join('\n')}`);
        await delay(10);
      }
    },
    // Connections are taken in the order in which they come, and what is no HTTP is answered at once.
    hasHeard: () =>
      new Promise((resolve, reject) => {
        const last = connect(port, '127.0.0.1', () => last.write('no HTTP\r\n\r\n'));
        last.resume();
        last.once('error', reject);
        last.once('close', () => resolve());
      }),
    residentMib: () =>
      Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${process_.pid}/status`, 'utf8'))?.[1]) / 1024,
  };
  await forwarder.said('listens');
  return forwarder;
}
