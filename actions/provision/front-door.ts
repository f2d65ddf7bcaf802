import type { App } from '../../src/digitalocean/app.ts';
import type { VariableFate } from '../../src/digitalocean/app-environment.ts';
import { FRONT_DOOR_SECRET, frontDoorSecret } from '../../src/front-door/secret.ts';
import { frontDoorVariables as plannedFates } from '../../src/migration/plan.ts';
import { defineStep, runSteps } from '../../src/migration/saga.ts';
import type { Target } from '../../src/migration/target.ts';
import type { Edge } from '../../src/github/run.ts';
import { hasThrowAwayApp, MARK_VARIABLE } from '../../src/heroku/throw-away-app.ts';
import {
  buildForwarder,
  builderOf,
  deleteForwarder,
  findForwarder,
  type FrontDoorParty,
} from '../front-door.ts';
import { herokuOf } from '../parties.ts';
import type { Subject } from '../subject.ts';
import { withJournal } from './journal.ts';
import type { Provisioning } from './provision.ts';
import type { Owned, Resource } from './resource.ts';

/** What the new app gets for it: the middleware trusts the forwarded host and address only with this secret. */
export function frontDoorVariables({ plan, key, edge, subject }: Provisioning): {
  variables: { key: string; value: string; secret: boolean }[];
  fates: VariableFate[];
} {
  if (plan.traffic !== 'front-door') return { variables: [], fates: [] };
  const value = frontDoorSecret(key, subject.environment.migrationId);
  edge.mask(value);
  return {
    variables: [{ key: FRONT_DOOR_SECRET, value, secret: true }],
    fates: plannedFates(plan),
  };
}

/** One line of the plan's table; none with another way of moving visitors. */
export async function frontDoorLines(p: Provisioning, live: App | undefined): Promise<Resource[]> {
  if (p.plan.traffic !== 'front-door') return [];
  const heroku = herokuOf(p.edge);
  const { name } = await builderOf({ heroku, subject: p.subject });
  const line = { kind: 'Forwarder on Heroku', name, usdPerMonth: 0 };
  const detail = 'the slug of the front door, on a throw-away app without dynos';
  const host = live?.ingressHost;
  const built = host === undefined ? undefined : await findForwarder(partyOf(p, host));
  return [{ ...line, change: built === undefined ? 'create' : 'keep', detail }];
}

/**
 * Builds the forwarder's slug, long before the window: in it only a release by id is left. Returns whether anything was
 * done. The new app must be deployed: its own host name stands in the source.
 */
export async function provisionFrontDoor(p: Provisioning, target: Target, app: App): Promise<boolean> {
  if (p.plan.traffic !== 'front-door') return false;
  const host = app.ingressHost;
  if (host === undefined)
    throw new Error('App Platform serves the app under no host name yet: run this again.');
  const party = partyOf(p, host);
  return p.edge.log.group('Forwarder', () => build(p, target, party));
}

async function build(p: Provisioning, target: Target, party: FrontDoorParty): Promise<boolean> {
  const { log, clock, signal } = p.edge;
  const step = defineStep({
    name: 'forwarder',
    settle: async () => ((await findForwarder(party)) === undefined ? 'not-done' : 'done'),
    act: () => buildForwarder(party),
  });
  const { migrationId } = p.subject.environment;
  const { changed } = await withJournal(p.edge, target.journal, migrationId, (journal, lease) =>
    runSteps(journal, lease, [step], { phase: 'provision front-door', log, clock, signal }),
  );
  log.info(`Forwarder: ${changed ? 'built' : 'was built before'}; the cutover releases it by its id`);
  return changed;
}

/** The throw-away app on Heroku, for `destroy`; none with another way of moving visitors. */
export async function ownedForwarder(edge: Edge, subject: Subject): Promise<Owned[]> {
  if (subject.config.traffic !== 'front-door') return [];
  const party = { heroku: herokuOf(edge), subject };
  const builder = await builderOf(party);
  if (!(await hasThrowAwayApp(party.heroku, builder))) return [];
  return [
    {
      ...{ kind: 'Forwarder on Heroku', name: builder.name, id: builder.name, usdPerMonth: 0 },
      mark: `config var ${MARK_VARIABLE}=${builder.mark}`,
      destroy: async () => {
        await deleteForwarder(party);
      },
    },
  ];
}

function partyOf({ edge, subject, key }: Provisioning, targetHost: string): FrontDoorParty {
  const secret = frontDoorSecret(key, subject.environment.migrationId);
  edge.mask(secret);
  return { heroku: herokuOf(edge), subject, secret, targetHost };
}
