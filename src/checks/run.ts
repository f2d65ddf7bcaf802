import type { Clock } from '../clock.ts';
import type { Reach } from './connection.ts';

/** What the declared checks of one run have at hand. */
export interface CheckRun {
  /** `https://shop.example.com`. */
  base: string;
  /** The old side while it serves. */
  oldBase: string | undefined;
  /** `check-secrets`, masked. */
  secrets: Readonly<Record<string, string>>;
  /** How many jobs Sidekiq has processed on the new side; undefined without Sidekiq there. */
  processedJobs: () => Promise<number | undefined>;
  /** Variables of the job for the user's own command. */
  environment: Readonly<Record<string, string | undefined>>;
  /** The name of the environment in migration.yml, for the user's own command. */
  environmentName: string;
  /** Takes out of a text what may not be read: a command tells what it likes. */
  redact: (text: string) => string;
  reach?: Reach;
  clock: Clock;
  signal: AbortSignal;
}

/** What one check saw. */
export interface Seen {
  passed: boolean;
  found: string;
  milliseconds?: number;
}
