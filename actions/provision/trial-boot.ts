import { randomBytes } from 'node:crypto';
import { request } from 'node:http';
import { connect } from 'node:net';
import type { ComponentSpec, AppSpec, ServiceSpec } from '../../src/digitalocean/app-spec.ts';
import type { HealthCheck } from '../../src/digitalocean/component-operation.ts';
import { lastLines } from '../../src/docker/last-lines.ts';
import {
  readContainer,
  readLog,
  startContainer,
  type Container,
  type Trial,
} from '../../src/docker/throw-away.ts';
import { ConfigurationError } from '../../src/errors.ts';
import { parseDuration } from '../../src/migration/duration.ts';
import type { Provisioning } from './provision.ts';

const LOG_LINES = 40;
const PAUSE_MS = 500;
/** Of a release phase, which has nothing to do on a schema that is up to date; App Platform ends it after 30 minutes. */
const RELEASE_LIMIT_MS = 10 * 60_000;

/** Runs a command in the image to its end, with the variables of its component. @throws ConfigurationError with its log */
export async function runToItsEnd(
  p: Provisioning,
  trial: Trial,
  spec: AppSpec,
  what: {
    title: string;
    name: string;
    component: Pick<ComponentSpec, 'run_command' | 'envs'>;
    image: string;
  },
): Promise<void> {
  const { edge } = p;
  const container = await startContainer(trial, {
    name: what.name,
    image: what.image,
    script: what.component.run_command,
    variables: variablesOf(p, spec, what.component),
  });
  const started = edge.clock.now().getTime();
  for (;;) {
    const state = await readContainer(trial, container);
    if (!state.running && state.exitCode === 0) return;
    const late = edge.clock.now().getTime() - started > RELEASE_LIMIT_MS;
    if (!state.running || late) {
      const how = state.running
        ? `did not end within ${RELEASE_LIMIT_MS / 60_000} minutes`
        : `ended with code ${state.exitCode}${memory(state)}`;
      throw await failure(
        p,
        trial,
        container,
        `${what.title} (\`${edge.redact(what.component.run_command)}\`) ${how}`,
      );
    }
    await edge.clock.sleep(PAUSE_MS, edge.signal);
  }
}

/**
 * Starts a service of the spec from the image and asks for what App Platform will ask, as often and as long as it will,
 * unless `boot-limit` says longer.
 *
 * @returns how long it took until it was healthy, in milliseconds
 * @throws ConfigurationError with the end of the container's log
 */
export async function bootService(
  p: Provisioning,
  trial: Trial,
  spec: AppSpec,
  service: ServiceSpec,
  image: string,
): Promise<number> {
  const { edge } = p;
  const check = service.health_check;
  const limit = limitOf(p, check);
  const port = service.http_port;
  const container = await startContainer(trial, {
    // No name of a component is one of ours.
    name: `app-${service.name}`,
    image,
    script: service.run_command,
    // App Platform sets it for every service.
    variables: { ...variablesOf(p, spec, service), PORT: String(port) },
  });
  const started = edge.clock.now().getTime();
  const title = `The process ${service.name} (\`${edge.redact(service.run_command)}\`)`;
  for (let seen = 'nothing was asked yet'; ;) {
    const state = await readContainer(trial, container);
    const elapsed = edge.clock.now().getTime() - started;
    if (!state.running)
      throw await failure(p, trial, container, `${title} ended with code ${state.exitCode}${memory(state)}`);
    const answer = await ask(state.address, check);
    if (answer.healthy) return edge.clock.now().getTime() - started;
    seen = answer.seen;
    if (elapsed > limit) {
      const asked = check.http_path === undefined ? `a connection to port ${check.port}` : check.http_path;
      throw await failure(
        p,
        trial,
        container,
        `${title} did not pass its health check (${asked}: ${seen}) within ${Math.round(limit / 1000)} s`,
      );
    }
    await edge.clock.sleep(PAUSE_MS, edge.signal);
  }
}

function limitOf({ edge }: Provisioning, check: HealthCheck): number {
  const text = edge.inputs.optional('boot-limit');
  if (text === undefined)
    return (check.initial_delay_seconds + check.period_seconds * check.failure_threshold) * 1000;
  const limit = parseDuration(text);
  if (limit !== undefined && limit > 0) return limit;
  throw new ConfigurationError(
    `The input boot-limit is "${text}" and must be a duration such as 3m or 90s. Nothing was changed.`,
  );
}

/** What a process of the component gets; `${APP_ID}` and the like are App Platform's to fill in, so here by us. */
function variablesOf(
  { names }: Provisioning,
  spec: AppSpec,
  { envs = [] }: Pick<ComponentSpec, 'envs'>,
): Record<string, string> {
  const domain = `${names.app}.ondigitalocean.app`;
  const filled: Record<string, string> = {
    APP_ID: randomBytes(16).toString('hex'),
    APP_DOMAIN: domain,
    APP_URL: `https://${domain}`,
  };
  return Object.fromEntries(
    [...spec.envs, ...envs].map(({ key, value }) => [
      key,
      value.replaceAll(/\$\{(\w+)\}/g, (whole, name: string) => filled[name] ?? whole),
    ]),
  );
}

/** As App Platform: with a path an answer that is no error, redirects included; without one a connection is enough. */
function ask(host: string, check: HealthCheck): Promise<{ healthy: boolean; seen: string }> {
  const timeout = check.timeout_seconds * 1000;
  return new Promise((resolve) => {
    const no = (seen: string): void => resolve({ healthy: false, seen });
    if (check.http_path === undefined) {
      const socket = connect({ host, port: check.port, timeout });
      socket.once('connect', () => {
        socket.destroy();
        resolve({ healthy: true, seen: 'connected' });
      });
      socket.once('timeout', () => socket.destroy(new Error('no connection in time')));
      socket.once('error', (error) => no(error.message));
      return;
    }
    const asking = request(
      { host, port: check.port, path: check.http_path, timeout, agent: false },
      (answer) => {
        answer.resume();
        const status = answer.statusCode ?? 0;
        resolve({ healthy: status >= 200 && status < 400, seen: `HTTP ${status}` });
      },
    );
    asking.once('timeout', () => asking.destroy(new Error(`no answer within ${check.timeout_seconds} s`)));
    asking.once('error', (error) => no(error.message));
    asking.end();
  });
}

function memory({ outOfMemory }: { outOfMemory: boolean }): string {
  return outOfMemory ? ', out of memory' : '';
}

async function failure(
  { edge }: Provisioning,
  trial: Trial,
  container: Container,
  what: string,
): Promise<ConfigurationError> {
  const log = lastLines(edge.redact(await readLog(trial, container, LOG_LINES)), LOG_LINES);
  return new ConfigurationError(
    `${what}. It had the variables that the new side gives it, a database with Heroku's schema and no rows, and no right to write, ` +
      `as before the switch. No cluster was made for it; Heroku is untouched. The end of its log:\n${log || '(it printed nothing)'}`,
  );
}
