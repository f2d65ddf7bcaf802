import { digitalOceanAssumptions } from './digitalocean-assumptions.ts';
import { herokuAssumptions } from './heroku-assumptions.ts';
import type { ProbeId } from './probes.ts';

/**
 * Something that is believed of a platform and could only be played here. The texts are Markdown of our own:
 * docs/assumptions.md has its tables from these lists (`npm run docs`).
 */
export type Assumption = {
  id: string;
  claim: string;
  source: string;
  /** What would happen, and what it would cost. */
  ifWrong: string;
  /** It could cost more than a failed run on staging. */
  grave?: true;
} & ({ triedBy: ProbeId } | { /** Why no probe can, or need. */ untried: string });

/** By company, as docs/assumptions.md tells them. */
export const assumptions = {
  heroku: herokuAssumptions,
  digitalocean: digitalOceanAssumptions,
} as const;
