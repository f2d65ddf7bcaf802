import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { HealthCheck } from './spec.ts';

/** App Platform's defaults (app spec reference, `health_check`). */
const defaults = { initialDelay: 0, period: 10, timeout: 1, failures: 9 };

/**
 * Waits until a service answers its health check, by HTTP when it names a path, else by a TCP connection. `secondMs` is
 * how long a second of the spec is played. Between checks it looks more often than the spec says, to be quick when the
 * service is. Returns false when the time of all allowed failures is over, or `gone` says that there is no process left.
 */
export async function becomesHealthy(
  port: number,
  check: HealthCheck | undefined,
  secondMs: number,
  gone: () => boolean,
): Promise<boolean> {
  const initial = (check?.initial_delay_seconds ?? defaults.initialDelay) * secondMs;
  const period = (check?.period_seconds ?? defaults.period) * secondMs;
  const allowed = period * (check?.failure_threshold ?? defaults.failures);
  await delay(Math.min(initial, 60_000));
  const deadline = Date.now() + allowed;
  // A second at least: on a busy machine a played second would be too short for an honest answer.
  const timeout = Math.max((check?.timeout_seconds ?? defaults.timeout) * secondMs, 1000);
  for (;;) {
    if (gone()) return false;
    if (await answers(port, check?.http_path, timeout)) return !gone();
    if (Date.now() > deadline) return false;
    await delay(Math.min(period, 50));
  }
}

async function answers(port: number, path: string | undefined, timeout: number): Promise<boolean> {
  if (path === undefined || path === '') return connects(port, timeout);
  try {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, {
      redirect: 'manual',
      signal: AbortSignal.timeout(timeout),
      headers: { 'user-agent': 'DigitalOcean App Platform health check' },
    });
    await response.body?.cancel();
    return response.status < 400;
  } catch {
    return false;
  }
}

function connects(port: number, timeout: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port, timeout });
    const end = (answer: boolean) => () => {
      socket.destroy();
      resolve(answer);
    };
    socket.once('connect', end(true));
    socket.once('error', end(false));
    socket.once('timeout', end(false));
  });
}
