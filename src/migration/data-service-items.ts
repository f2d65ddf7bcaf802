import type { DataService } from '../heroku/data-services.ts';
import type { HerokuInventory } from '../heroku/inventory.ts';
import { blocked, decide, idPart, told, type Item } from './item.ts';

/** What stands behind the database and Redis add-ons and ends with them, and what Heroku is about to do to them. */
export function dataServiceItems({ dataServices }: HerokuInventory): Item[] {
  const databases = dataServices.filter(({ service }) => service === 'heroku-postgresql').length;
  return dataServices.flatMap((service) => [
    ...copies(service),
    ...credentials(service),
    // Of one there is nothing to tell apart, and its id outlives another name.
    ...others(service, databases > 1 ? `/${idPart(service.addOn)}` : ''),
    ...maintenance(service),
  ]);
}

function areaOf({ service }: DataService): 'postgres' | 'redis' {
  return service === 'heroku-postgresql' ? 'postgres' : 'redis';
}

function copies({ addOn, followers, following, forks }: DataService): Item[] {
  const area = 'consumer';
  const items = followers.map((name) =>
    decide({
      id: `consumer/follower/${idPart(name)}`,
      area,
      what: `the follower ${name} of ${addOn}`,
      question: 'Who reads from it? From the cutover on nothing new arrives there.',
      options: ['leave-behind', 'replace'],
      why: 'a follower is a read replica inside Heroku Postgres, and does not move',
      remedy: 'Add a read-only node to the cluster at DigitalOcean, and give its readers the new address.',
    }),
  );
  return [
    ...items,
    ...forks.map((name) =>
      told({
        id: `consumer/fork/${idPart(name)}`,
        area,
        what: `the fork ${name} of ${addOn}`,
        becomes: 'left behind: it is a database of its own since it was made',
        why: 'a fork gets nothing new from what it was copied from',
        remedy: 'Delete it when nobody needs it: it costs on its own.',
      }),
    ),
    ...(following === null
      ? []
      : [
          blocked({
            id: 'postgres/follower',
            area: 'postgres' as const,
            what: `${addOn} follows ${following}`,
            why: 'a follower cannot be written to: no capture can be installed and no fence put up',
            remedy: `Move the app that owns ${following}, or make this one independent (\`heroku pg:unfollow\`).`,
          }),
        ]),
  ];
}

/** Heroku's data API and the database's own catalogue tell of the same credentials. */
export const CREDENTIAL_OPTIONS: readonly string[] = ['not-needed', 'create-anew'];

/** `default` is what DATABASE_URL has; every other one was made for somebody. */
function credentials({ addOn, credentials: names }: DataService): Item[] {
  return (names ?? [])
    .filter((name) => name !== 'default')
    .map((name) =>
      decide({
        id: `consumer/credential/${idPart(name)}`,
        area: 'consumer',
        what: `the credential ${name} of ${addOn}`,
        question: 'Who uses it? It ends with the add-on, and the new database does not know it.',
        options: [...CREDENTIAL_OPTIONS],
        why: 'Heroku Postgres lists it beside the default one',
        remedy:
          'Make a user of that name on the cluster (control panel, Users), grant it what it needs, and give its owner the new address.',
      }),
    );
}

function others({ addOn, service, plan, links, backupSchedules }: DataService, which: string): Item[] {
  const items: Item[] = [];
  if (links > 0) {
    items.push(
      decide({
        id: `postgres/data-links${which}`,
        area: 'postgres',
        what: `${addOn} has ${links} data ${links === 1 ? 'link' : 'links'} to other stores`,
        question:
          'What queries the linked tables? They are foreign tables, and their connection belongs to Heroku.',
        options: ['leave-behind', 'replace'],
        why: 'Heroku’s data links are not carried over',
        remedy:
          'Set up postgres_fdw on the new side where DigitalOcean allows it, or read the other store from the app.',
      }),
    );
  }
  if (service === 'heroku-postgresql') {
    items.push(
      told({
        id: `postgres/backups${which}`,
        area: 'postgres',
        what:
          backupSchedules.length === 0
            ? `${addOn} has no scheduled backup`
            : `scheduled backups of ${addOn} (${backupSchedules.join(', ')})`,
        becomes: 'daily backups of the cluster, with point-in-time recovery over seven days',
        why: `plan ${plan}; DigitalOcean’s managed Postgres keeps them by itself`,
        remedy:
          'Backups at Heroku end with the add-on: download those that must be kept (`heroku pg:backups:download`).',
      }),
      told({
        id: `consumer/dataclips${which}`,
        area: 'consumer',
        what: `Dataclips on ${addOn}, if there are any`,
        becomes: 'they go on showing what is left behind, and end with the add-on',
        why: 'Heroku’s published API does not list them, so whether there are any is not known',
        remedy: 'Look at https://data.heroku.com/dataclips, and keep the SQL of those that are needed.',
      }),
    );
  }
  return items;
}

/** Heroku's words for a maintenance that is not to come. */
const QUIET = new Set(['none', 'not_required', 'completed', 'canceled', '']);

function maintenance(service: DataService): Item[] {
  const { addOn, maintenance: announced } = service;
  if (announced === null) return [];
  const { status, window, scheduledFor, requiredBy, reason } = announced;
  const area = areaOf(service);
  if (QUIET.has(status)) {
    if (window === null) return [];
    return [
      told({
        id: `${area}/maintenance-window/${idPart(addOn)}`,
        area,
        what: `the maintenance window of ${addOn}`,
        becomes:
          area === 'postgres'
            ? 'the window of the cluster at DigitalOcean, which you choose'
            : 'no window: Redis is on a droplet, which is worked on when you do it',
        why: `Heroku may work on it on ${window}; nothing is announced`,
        remedy: 'Do not put the copy or the cutover there.',
      }),
    ];
  }
  return [
    decide({
      id: `${area}/maintenance/${idPart(addOn)}`,
      area,
      what: `Heroku has announced a maintenance of ${addOn} (${status})`,
      question:
        'Is the cutover well before or after it? It restarts the database, ends the copy, and may change its address.',
      options: ['not-at-that-time'],
      why: [
        scheduledFor === null ? 'no time is set' : `planned for ${scheduledFor}`,
        ...(requiredBy === null ? [] : [`required by ${requiredBy}`]),
        ...(window === null ? [] : [`window ${window}`]),
        ...(reason === null || reason === '' ? [] : [reason]),
      ].join(', '),
      remedy: `Run it now (\`heroku data:maintenances:run ${addOn}\`) or move it (\`heroku data:maintenances:schedule\`).`,
    }),
  ];
}
