/**
 * How App Platform looks after a component: when it counts as healthy, how it is ended, when somebody is called. All of
 * it is what an app starts with: what a person changes afterwards is kept (see `mergeSpec`).
 */

export interface HealthCheck {
  /** Absent: a TCP connection to the port is enough. */
  http_path?: string;
  port: number;
  initial_delay_seconds: number;
  period_seconds: number;
  timeout_seconds: number;
  failure_threshold: number;
}

export interface Alert {
  rule: string;
  operator?: 'GREATER_THAN';
  value?: number;
  window?: 'TEN_MINUTES';
}

/**
 * A web dyno has 60 s to bind its port (Heroku's R10); this allows 95. App Platform's own limit of 1 s for an answer
 * would call a cold Rails process ill.
 */
export function healthCheck(path: string | undefined, port: number): HealthCheck {
  return {
    ...(path === undefined ? {} : { http_path: path }),
    port,
    initial_delay_seconds: 5,
    period_seconds: 10,
    timeout_seconds: 5,
    failure_threshold: 9,
  };
}

/**
 * Requests that an instance has may take the 30 s that Heroku's router waits for a first byte (H12); then it has the
 * 30 s from SIGTERM to SIGKILL that a dyno has.
 */
export const SERVICE_TERMINATION = { drain_seconds: 30, grace_period_seconds: 30 };

/** At Heroku a job has 30 s to end after SIGTERM; here four times that, App Platform's default. */
export const WORKER_TERMINATION = { grace_period_seconds: 120 };

/** App Platform's default, written down: its limits page (2025-11-19) knows no longer one for jobs of a deployment. */
export const RELEASE_TIMEOUT = '30m';

/**
 * A one-off dyno of Scheduler may run for hours, and App Platform's default would end it after 30 minutes. The longest
 * that its documentation shows.
 */
export const SCHEDULED_TIMEOUT = '1h30m';

export const APP_ALERTS: readonly Alert[] = [{ rule: 'DEPLOYMENT_FAILED' }, { rule: 'DOMAIN_FAILED' }];

/** For what runs all the time: nearly out of processor or memory, or starting again and again. */
export const COMPONENT_ALERTS: readonly Alert[] = [
  { rule: 'CPU_UTILIZATION', operator: 'GREATER_THAN', value: 90, window: 'TEN_MINUTES' },
  { rule: 'MEM_UTILIZATION', operator: 'GREATER_THAN', value: 90, window: 'TEN_MINUTES' },
  { rule: 'RESTART_COUNT', operator: 'GREATER_THAN', value: 3, window: 'TEN_MINUTES' },
];

/** For a job that the clock starts: nobody looks at its log. (godo's AlertSpecRule; the OpenAPI description lacks it.) */
export const JOB_ALERTS: readonly Alert[] = [{ rule: 'JOB_INVOCATION_FAILED' }];
