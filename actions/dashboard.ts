import type { Edge } from '../src/github/run.ts';
import type { UnofficialAddress } from '../src/heroku/unofficial.ts';

/** Addresses of Heroku's dashboard, for what changes an app by itself and its published API does not have. */
export interface Dashboard {
  /** Autoscaling of web dynos. */
  metrics: UnofficialAddress;
  /** The connection to GitHub. */
  github: UnofficialAddress;
}

/** Works in a cancelled run, too: what was switched off is switched on again there. */
export function dashboardOf({ inputs }: Pick<Edge, 'inputs'>): Dashboard {
  const token = inputs.secret('heroku-token');
  return {
    metrics: { url: inputs.url('heroku-metrics-url'), token },
    github: { url: inputs.url('heroku-github-url'), token },
  };
}

/** Where the dashboard of Heroku Scheduler keeps its jobs. */
export function schedulerOf({ inputs }: Pick<Edge, 'inputs'>): UnofficialAddress {
  return { url: inputs.url('scheduler-api-url'), token: inputs.secret('heroku-token') };
}
