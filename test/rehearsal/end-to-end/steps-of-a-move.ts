import { cutoverSteps, noChecks } from '../../../actions/cutover/steps.ts';
import type { Parties } from '../../../actions/parties.ts';
import { rollBackSteps } from '../../../actions/roll-back/steps.ts';
import { hostNameOf, type StrategyName, type TrafficName } from '../../../rehearsal/world.ts';
import { environmentOf, parseMigrationConfig } from '../../../src/migration/config.ts';
import type { StepRow } from '../../../src/migration/journal.ts';
import type { Step } from '../../../src/migration/saga.ts';

/** Names of the steps in their order, as the code has them: no list of a test can lag behind it. */
export interface StepsOfAMove {
  before: string[];
  pointOfNoReturn: string;
  after: string[];
}

type Strategy = Exclude<StrategyName, 'auto'>;

/** Of production's cutover. */
export function stepsOfCutover(strategy: Strategy, traffic: TrafficName): StepsOfAMove {
  return parted(allOf(strategy, traffic));
}

/** Of the way back after a cutover that ran to its end and captured what changed since. */
export function stepsOfRollBack(strategy: Strategy, traffic: TrafficName): StepsOfAMove {
  const done = allOf(strategy, traffic).map(
    ({ name }) => ({ name, status: 'done', prior: null, result: null }) as StepRow,
  );
  return parted(rollBackSteps(partiesOf(strategy, traffic), done));
}

function allOf(strategy: Strategy, traffic: TrafficName): Step[] {
  return cutoverSteps(partiesOf(strategy, traffic), noChecks, strategy);
}

/** Nothing is asked of either side before a step acts. */
function partiesOf(strategy: Strategy, traffic: TrafficName): Parties {
  const provider = traffic === 'cdn' ? 'cloudflare' : 'digitalocean';
  const config = parseMigrationConfig(
    `application: shop
strategy: ${strategy}
traffic: ${traffic}
environments:
  production: { heroku-app: shop-production, region: fra, domains: [${hostNameOf('production')}] }
dns: { provider: ${provider}, zone: example.com }
`,
    'migration.yml',
  );
  const subject = { config, environment: environmentOf(config, 'production') };
  return { subject, oldSide: {}, newSide: {} } as unknown as Parties;
}

function parted(steps: readonly Step[]): StepsOfAMove {
  const at = steps.findIndex(({ pointOfNoReturn }) => pointOfNoReturn);
  const names = steps.map(({ name }) => name);
  return { before: names.slice(0, at), pointOfNoReturn: names[at] ?? '', after: names.slice(at + 1) };
}
