import type { Log } from '../../src/log.ts';
import type { Authority } from '../servers/certificates.ts';
import type { PlayedLatencies } from './played.ts';
import type { Schedule } from './schedule.ts';

/** What a branch at GitHub holds at a moment: the commit, and the directory of its code once it is built. */
export interface Branch {
  commit: string;
  code: string;
}

/** What all resources of one played DigitalOcean share. */
export interface Platform {
  readonly log: Log;
  /** Signs what the public sees: the ingress of apps. Clusters have authorities of their own. */
  readonly authority: Authority;
  readonly egressAddress: () => string;
  readonly images: (digestOrReference: string) => { code: string } | undefined;
  readonly branches: (repository: string, branch: string) => Branch | undefined;
  readonly played: PlayedLatencies;
  readonly schedule: Schedule;
  /** The address of the API, for links. */
  readonly apiUrl: string;
}

/** ISO 8601 without fractions, as most of the API writes times. */
export function timestamp(date: Date = new Date()): string {
  return `${date.toISOString().slice(0, 19)}Z`;
}
