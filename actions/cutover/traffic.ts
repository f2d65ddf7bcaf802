import type { MigrationConfig } from '../../src/migration/config.ts';
import type { Step } from '../../src/migration/saga.ts';
import type { Parties } from '../parties.ts';
import { cdnTraffic } from './cdn-traffic.ts';
import { dnsTraffic } from './dns-traffic.ts';
import { frontDoorTraffic } from './front-door-traffic.ts';

/** How visitors are kept away while the data moves, and how they reach the new side afterwards. */
export interface TrafficSteps {
  /** From here on no visitor and no Scheduler job reaches the old code; each step's undo lets them in again. */
  hold: Step[];
  /** Once the new side is open. After the point of no return: no undo, roll-back leads back. */
  lead: Step[];
  /** Once the cutover is otherwise over, and nobody waits for it any more. */
  afterwards?: Step[];
}

export type TrafficMode = MigrationConfig['traffic'];

const MODES: Partial<Record<TrafficMode, (parties: Parties) => TrafficSteps>> = {
  dns: dnsTraffic,
  'front-door': frontDoorTraffic,
  cdn: cdnTraffic,
};

/** The steps of the mode that migration.yml names. Throws for one that was refused at the start. */
export function trafficSteps(parties: Parties): TrafficSteps {
  const { traffic } = parties.subject.config;
  const mode = MODES[traffic];
  if (mode === undefined) throw new Error(`traffic: ${traffic} was refused at the start.`);
  return mode(parties);
}
