import type { Edge } from '../src/github/run.ts';
import type { UnofficialAddress } from '../src/heroku/unofficial.ts';

/** Addresses of Heroku's dashboard, for what its published API does not have. */
export interface Dashboard {
  /** Autoscaling of web dynos. */
  metrics: UnofficialAddress;
  /** The connection to GitHub. */
  github: UnofficialAddress;
  /** Heroku Scheduler; for the command that ends the way back. */
  scheduler: UnofficialAddress | undefined;
}

/** Works in a cancelled run, too: what was switched off is switched on again there. */
export function dashboardOf({ inputs }: Pick<Edge, 'inputs'>): Dashboard | undefined {
  const [metrics, github, scheduler] = [
    inputs.optional('heroku-metrics-url'),
    inputs.optional('heroku-github-url'),
    inputs.optional('scheduler-api-url'),
  ];
  if (metrics === undefined || github === undefined) return undefined;
  const token = inputs.secret('heroku-token');
  return {
    metrics: { url: metrics, token },
    github: { url: github, token },
    scheduler: scheduler === undefined ? undefined : { url: scheduler, token },
  };
}
