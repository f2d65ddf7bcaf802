/** What a DigitalOcean would do that is otherwise than is believed, for whoever must notice. */
export type Otherwise =
  /** `doadmin` owns no database, so it may make nothing in one. */
  | 'doadmin-owns-nothing'
  /** Users of the API are superusers, whom no right binds. */
  | 'users-are-superusers'
  /** What lies in a VPC is not reached from it. */
  | 'private-network-closed'
  /** A domain that leads nowhere gets no certificate, whatever record proves it. */
  | 'no-early-certificates';

/** How long the played platform takes, in milliseconds, and what else it plays. Printed beside every duration that they influence. */
export interface PlayedLatencies {
  /** A cluster from `creating` to `online`. Real: several minutes. */
  clusterMs: number;
  /** A droplet from `new` to `active`. Real: about a minute. */
  dropletMs: number;
  /** A deployment's own work, before its components start; their real start and health checks come on top. */
  deploymentMs: number;
  /** A certificate, once its domain is proven. Real: minutes. */
  certificateMs: number;
  /** One minute of the clock by which SCHEDULED jobs fire. */
  schedulerMinuteMs: number;
  /** Minute of the played UTC day (a Monday) at which that clock starts. */
  schedulerStartMinute: number;
  /** One second in a spec's health checks, drains and grace periods. */
  specSecondMs: number;
  /** Requests that a token may send in a real minute. A run that plays days in minutes may allow more. */
  requestsPerMinute: number;
  /** And in a real hour. */
  requestsPerHour: number;
  /** Apps of other teams have these names, which are unique beyond one team. */
  appNamesOfOthers: readonly string[];
  /** The container registries that the account has at first, the subscription that they share, and names that others took. */
  registries: {
    names: readonly string[];
    tier: 'starter' | 'basic' | 'professional';
    namesOfOthers: readonly string[];
  };
  otherwise: readonly Otherwise[];
}

export const defaultPlayed: PlayedLatencies = {
  clusterMs: 2000,
  dropletMs: 1500,
  deploymentMs: 2000,
  certificateMs: 1000,
  schedulerMinuteMs: 1000,
  schedulerStartMinute: 0,
  specSecondMs: 100,
  requestsPerMinute: 250,
  requestsPerHour: 5000,
  appNamesOfOthers: [],
  registries: { names: [], tier: 'basic', namesOfOthers: [] },
  otherwise: [],
};
