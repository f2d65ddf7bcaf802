import { z } from 'zod';

import { readAddOns } from '../../src/heroku/add-ons.ts';
import { autoscalersByTraces } from '../../src/heroku/autoscalers.ts';
import { readConfigVars } from '../../src/heroku/config-vars.ts';
import { answersOf } from '../../src/migration/decisions.ts';
import { autoscalerItem } from '../../src/migration/mover-items.ts';
import type { Parties } from '../parties.ts';
import type { Finding } from './findings.ts';

const addressed = z.object({ url: z.string() });

/**
 * Autoscalers of other makers, by the traces that they leave on the app: none can be switched off from here, so whoever
 * answers for production has said that they stand still. Heroku's own is switched off by the cutover.
 */
export async function autoscalerFindings({
  subject: { config, environment },
  oldSide: { heroku, app },
}: Pick<Parties, 'subject' | 'oldSide'>): Promise<Finding[]> {
  const path = `/apps/${encodeURIComponent(app)}`;
  const [addOns, configVars, webhooks, drains] = await Promise.all([
    readAddOns(heroku, app),
    readConfigVars(heroku, app),
    heroku.list(`${path}/webhooks`, addressed),
    heroku.list(`${path}/log-drains`, addressed),
  ]);
  const found = autoscalersByTraces({
    addOns,
    configVars: Object.keys(configVars).map((name) => ({ name })),
    webhooks: webhooks.map(hostOf),
    drains: drains.map(hostOf),
  });
  const what = 'autoscalers stand still';
  if (found.length === 0) return [{ what, found: 'none of another maker leaves a trace' }];
  const answers = answersOf(config, environment);
  return found.map(({ name, evidence, limits }) => {
    const { id, remedy } = autoscalerItem(name, evidence, limits);
    const isAnswered = answers[id] !== undefined;
    const seen = `${name} (${evidence.join(', ')})`;
    if (isAnswered) return { what, found: `${seen}: said to be paused (${answers[id] ?? ''})` };
    return {
      what,
      found: environment.protected ? seen : `${seen}: a dyno that it starts in the window undoes the cutover`,
      ...(environment.protected
        ? { remedy: `${remedy ?? ''} Then answer \`${id}\` under \`decisions\` in migration.yml.` }
        : {}),
    };
  });
}

function hostOf({ url }: { url: string }): { host: string } {
  return { host: URL.parse(url)?.hostname ?? '' };
}
