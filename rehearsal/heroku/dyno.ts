import { existsSync } from 'node:fs';
import { connect } from 'node:net';
import { dirname, delimiter, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { messageOf } from '../../src/errors.ts';
import { freePort } from '../servers/free-port.ts';
import { startProcess } from '../servers/process.ts';
import type { DynoSize } from './catalogue.ts';
import { groupEnded, killGroup } from './process-group.ts';
import { effectiveConfig } from './config.ts';
import {
  born,
  writeLog,
  type App,
  type Dyno,
  type DynoState,
  type Platform,
  type Release,
} from './platform.ts';

const longestBackoffMs = 60_000;
const bindPollMs = 25;

export interface DynoOptions {
  name: string;
  type: string;
  command: string;
  size: DynoSize;
  release: Release;
  oneOff: boolean;
  /** Over the config vars. */
  environment?: Record<string, string>;
  /** Somebody attaches to its terminal: nothing of what it writes is in the log. */
  attach?: boolean;
}

/**
 * Starts a dyno: the command runs through a shell in the slug's directory with the release's config vars. A web dyno
 * is up when it binds $PORT; one of the formation that ends by itself has crashed and is started again later.
 */
export function startDyno(platform: Platform, app: App, options: DynoOptions): Dyno {
  const dyno: Dyno = {
    ...born(platform),
    ...options,
    environment: options.environment ?? {},
    state: 'starting',
    port: 0,
    process: undefined,
    crashes: 0,
    stopping: false,
    restart: undefined,
    session: undefined,
  };
  if (options.attach === true)
    dyno.session = platform.rendezvous.open(dyno.id, () => void stopDyno(platform, app, dyno));
  if (app.onPaper) dyno.state = 'up';
  app.dynos.push(dyno);
  app.events.emit('change');
  if (app.onPaper) return dyno;
  void boot(platform, app, dyno);
  return dyno;
}

/** Resolves with the exit code (null after a signal) when a one-off dyno is gone. */
export async function runToEnd(app: App, dyno: Dyno): Promise<number | null> {
  while (app.dynos.includes(dyno)) await changeOf(app);
  return dyno.process ? dyno.process.exited : 1;
}

/** Resolves at the next change of anything in the app. */
export function changeOf(app: App): Promise<void> {
  return new Promise((resolve) => app.events.once('change', () => resolve()));
}

/**
 * SIGTERM to all of the dyno's processes, SIGKILL when they are still there after the shutdown time. Resolves when
 * they are gone. Until then the dyno is listed as `down`, gets no new request and may finish the ones it has.
 */
export async function stopDyno(platform: Platform, app: App, dyno: Dyno): Promise<void> {
  clearTimeout(dyno.restart);
  if (!dyno.stopping) {
    dyno.stopping = true;
    setState(app, dyno, 'down');
    writeLog(app, `heroku[${dyno.name}]`, 'Stopping all processes with SIGTERM');
  }
  const limitMs = platform.played.shutdownSeconds * 1000;
  const deadline = performance.now() + limitMs;
  if (dyno.process) {
    await dyno.process.stop({ signal: 'SIGTERM', timeoutMs: limitMs });
    // The shell that runs the command dies of SIGTERM at once; what it started may still be finishing.
    await groupEnded(dyno.process.pid, deadline);
    killGroup(dyno.process.pid);
  }
  forget(app, dyno);
}

async function boot(platform: Platform, app: App, dyno: Dyno): Promise<void> {
  try {
    dyno.port = await freePort();
    if (dyno.stopping || platform.stopped) return forget(app, dyno);
    const directory = dyno.release.slug?.directory;
    if (directory === undefined) throw new Error('the release has no slug');
    writeLog(app, `heroku[${dyno.name}]`, `Starting process with command \`${dyno.command}\``);
    const { session } = dyno;
    dyno.process = startProcess('/bin/sh', ['-c', withProfile(directory, dyno.command)], {
      cwd: directory,
      env: environmentOf(platform, app, dyno, directory),
      onLine: (line) => {
        if (session === undefined) writeLog(app, `app[${dyno.name}]`, line);
        else session.write(`${line}\n`);
      },
    });
  } catch (error) {
    writeLog(app, `heroku[${dyno.name}]`, `Error: ${messageOf(error)}`);
    ended(platform, app, dyno, 1);
    return;
  }
  const running = dyno.process;
  void running.exited.then((code) => ended(platform, app, dyno, code));
  if (dyno.type !== 'web') {
    setState(app, dyno, 'up');
    return;
  }
  const bound = await binds(dyno, platform.played.bootSeconds * 1000);
  if (dyno.process !== running || dyno.state !== 'starting') return;
  if (bound) {
    setState(app, dyno, 'up');
    return;
  }
  writeLog(
    app,
    `heroku[${dyno.name}]`,
    'Error R10 (Boot timeout) -> Web process failed to bind to $PORT in time',
  );
  await running.kill9();
}

/** What buildpacks leave in `.profile.d` is sourced before each command (devcenter, "Buildpack API"). */
function withProfile(directory: string, command: string): string {
  return existsSync(join(directory, '.profile.d'))
    ? `for h2d_file in .profile.d/*.sh; do . "./$h2d_file"; done; ${command}`
    : command;
}

/**
 * A dyno knows its config vars, $PORT and $DYNO, and nothing of the machine around it but where Node is. With the labs
 * feature it also knows its app (devcenter "Dyno metadata").
 */
function environmentOf(platform: Platform, app: App, dyno: Dyno, directory: string): Record<string, string> {
  const metadata = app.features.some(({ name, enabled }) => name === 'runtime-dyno-metadata' && enabled)
    ? {
        HEROKU_APP_ID: app.id,
        HEROKU_APP_NAME: app.name,
        HEROKU_DYNO_ID: dyno.id,
        HEROKU_RELEASE_VERSION: `v${dyno.release.version}`,
      }
    : {};
  const machine = platform.machine();
  return {
    HOME: directory,
    LANG: 'C.UTF-8',
    ...machine,
    ...metadata,
    ...effectiveConfig(platform, app, dyno.release.config),
    ...dyno.environment,
    PATH: [machine['PATH'] ?? dirname(process.execPath), '/usr/local/bin', '/usr/bin', '/bin'].join(
      delimiter,
    ),
    PORT: String(dyno.port),
    DYNO: dyno.name,
  };
}

async function binds(dyno: Dyno, limitMs: number): Promise<boolean> {
  const running = dyno.process;
  for (const end = performance.now() + limitMs; performance.now() < end; await delay(bindPollMs)) {
    if (dyno.process !== running || dyno.state !== 'starting') return false;
    if (await accepts(dyno.port)) return true;
  }
  return false;
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port });
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

function ended(platform: Platform, app: App, dyno: Dyno, code: number | null): void {
  writeLog(app, `heroku[${dyno.name}]`, `Process exited with status ${code ?? 'signal'}`);
  // Who stopped it waits for the rest of it.
  if (dyno.stopping) return;
  // A dyno is a container: when its command has ended by itself, everything in it ends.
  if (dyno.process) killGroup(dyno.process.pid);
  if (dyno.oneOff || platform.stopped) {
    forget(app, dyno);
    return;
  }
  setState(app, dyno, 'crashed');
  // Heroku restarts a crashed dyno at once, then after ever longer pauses (devcenter "Dynos", crash restart policy).
  const wait = Math.min(platform.played.crashBackoffMs * 2 ** dyno.crashes, longestBackoffMs);
  dyno.crashes += 1;
  dyno.restart = setTimeout(() => {
    if (dyno.stopping || platform.stopped) return;
    setState(app, dyno, 'starting');
    void boot(platform, app, dyno);
  }, wait).unref();
}

function setState(app: App, dyno: Dyno, state: DynoState): void {
  if (dyno.state !== state) {
    writeLog(app, `heroku[${dyno.name}]`, `State changed from ${dyno.state} to ${state}`);
  }
  dyno.state = state;
  dyno.updatedAt = new Date();
  app.events.emit('change');
}

function forget(app: App, dyno: Dyno): void {
  dyno.session?.end();
  dyno.state = 'down';
  app.dynos = app.dynos.filter((one) => one !== dyno);
  app.events.emit('change');
}
