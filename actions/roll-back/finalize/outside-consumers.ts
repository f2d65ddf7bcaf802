import type { HerokuInventory } from '../../../src/heroku/inventory.ts';
import { listDynos } from '../../../src/heroku/formation.ts';
import { readOutsiders } from '../../../src/postgres/stray.ts';
import type { Finding } from '../../cutover/findings.ts';
import { lateJobs } from '../../jobs.ts';
import type { Parties } from '../../parties.ts';

/**
 * Whoever still reads the old side, or writes to it: what it holds is no longer kept in step from here on, and it ends
 * with its add-ons. Unknown is a refusal, too.
 */
export async function outsideConsumers(
  parties: Parties,
  inventory: HerokuInventory,
  { forwards }: { forwards: boolean },
): Promise<Finding[]> {
  const { oldSide, clock, signal } = parties;
  const [sessions, late, dynos] = await Promise.all([
    readOutsiders(oldSide.database, { clock, signal }),
    lateJobs(parties),
    listDynos(oldSide.heroku, oldSide.app),
  ]);
  return [
    finding('sessions on the old database', sessions, 'Point them to the new database, or end them.'),
    finding(
      'other apps with the old data stores attached',
      inventory.sharedUses.map(({ addOn, app, name }) => `${app} has ${addOn} as ${name}`),
      'Move those apps first, or detach it there (`heroku addons:detach`).',
    ),
    ...storesFindings(inventory),
    finding(
      'jobs on the old Redis since the switch',
      late,
      'Whoever enqueues there still reaches no worker: have it use the new Redis, and delete or enqueue anew what waits.',
    ),
    finding(
      'dynos on Heroku',
      // The forwarder's lead late visitors, and stay until the app is deleted.
      dynos
        .filter(({ type }) => !(forwards && type === 'web'))
        .map(({ name, state }) => `${name} (${state})`),
      'Whatever it is, it works on the old side: end it (`heroku ps:stop`) or scale it to zero.',
    ),
    ...unreadable(inventory),
  ];
}

function storesFindings({ dataServices }: HerokuInventory): Finding[] {
  return [
    finding(
      'followers and forks of the old databases',
      dataServices.flatMap(({ addOn, followers, forks }) =>
        [...followers, ...forks].map((one) => `${one} of ${addOn}`),
      ),
      'Who reads a follower reads what is no longer kept: move its readers, then destroy it.',
    ),
    finding(
      'data links of the old databases',
      dataServices.flatMap(({ addOn, links }) => (links > 0 ? [`${links} of ${addOn}`] : [])),
      'Remove them (`heroku pg:links:destroy`).',
    ),
  ];
}

/** What could not be asked may be a consumer. */
function unreadable({ unknown }: HerokuInventory): Finding[] {
  return unknown
    .filter(({ what }) => /^(followers|data links|which other apps)\b/.test(what))
    .map(({ what, why, permission }) => ({
      what,
      found: `not known: ${why}`,
      remedy: `It takes ${permission}.`,
    }));
}

function finding(what: string, found: readonly string[], remedy: string): Finding {
  if (found.length === 0) return { what, found: 'none' };
  const told = found.slice(0, 10).join('; ');
  return { what, found: found.length > 10 ? `${told}; and ${found.length - 10} more` : told, remedy };
}
