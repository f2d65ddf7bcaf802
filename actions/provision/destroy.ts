import { z } from 'zod';
import { clusterAddresses, findCluster } from '../../src/digitalocean/cluster.ts';
import type { DigitalOcean } from '../../src/digitalocean/client.ts';
import type { DnsProvider } from '../../src/dns/provider.ts';
import { asSentence, ConfigurationError, messageOf } from '../../src/errors.ts';
import type { Edge } from '../../src/github/run.ts';
import { JOURNAL_DATABASE, type Journal } from '../../src/migration/journal.ts';
import { targetNames } from '../../src/migration/names.ts';
import type { PostgresAddress } from '../../src/postgres/connect.ts';
import { dnsOf } from '../names.ts';
import { digitalOceanOf } from '../parties.ts';
import { admitToCluster } from '../runner-access.ts';
import { recordPhase, type Subject } from '../subject.ts';
import { readSubjectOrThrowAway } from '../throw-away.ts';
import { destroySummary } from './destroy-summary.ts';
import { withJournal } from './journal.ts';
import { ownedForwarder } from './front-door.ts';
import { everythingOwned } from './owned.ts';
import { endOwnCapture } from './own-capture.ts';
import type { ImageOwner } from './owned-registry.ts';
import { readLivePrices } from './prices.ts';
import { deadlineOf } from './provision.ts';
import type { Owned, Ownership } from './resource.ts';
import { cutoverBegun, servingReason } from './serving.ts';
import { restoreTtls } from './ttl.ts';

/** What a removal works with. */
interface Destroying extends Ownership {
  edge: Edge;
  subject: Subject;
  /** Who serves the zone in which domains were proven; `undefined` without one. */
  dns: DnsProvider | undefined;
  /** Whose images lie in DigitalOcean's registry; `undefined` for a throw-away target, which has none. */
  images: ImageOwner | undefined;
}

/**
 * Takes away everything on DigitalOcean that carries the mark of this migration, and nothing else; and what captures
 * changes on Heroku for it, which would be left without anybody who follows. Refuses while the new side serves or when
 * nobody can tell, and when the environment's name is not typed. Each thing is removed by its identifier after its mark was
 * read; run again after a failure, it removes what is left.
 */
export async function destroy(edge: Edge): Promise<void> {
  const subject = await readSubjectOrThrowAway(edge);
  const dryRun = edge.inputs.boolean('dry-run');
  const { throwAway } = subject.environment;
  // Its name is one that nobody gives by mistake, and nothing of it ever serves.
  if (!dryRun && throwAway === undefined) requireConfirmation(edge, subject);
  const d = await destroying(edge, subject);

  const found = await everythingOwned(d, d);
  const owned = [...(await ownedForwarder(edge, subject)), ...found.owned];
  for (const one of owned) edge.log.info(`${dryRun ? 'Would remove' : 'To be removed'}: ${inWords(one)}`);
  for (const one of found.left) edge.log.info(`${dryRun ? 'Would stay' : 'Stays'}: ${one}`);
  const serving = throwAway === undefined ? await servingReason(edge, subject, d, d.names.tag) : undefined;
  if (dryRun) {
    if (serving !== undefined) edge.log.warning(`It would be refused: ${serving}.`);
    edge.log.info(owned.length === 0 ? NOTHING : 'This was a dry run: nothing was removed.');
    await edge.summary(destroySummary(subject, 'planned', owned, { refusal: serving, stays: found.left }));
    edge.setOutput('record', subject.recordPath);
    edge.setOutput('outcome', 'planned');
    edge.setOutput('changed', false);
    return;
  }
  if (serving !== undefined) throw refused(serving);

  const removed = await removeAll(d, owned);
  const after = await everythingOwned(d, d);
  if (after.owned.length > 0) {
    throw new ConfigurationError(
      `Everything was asked to go, and this still carries the mark: ${after.owned.map(inWords).join('; ')}. Run this again.`,
    );
  }
  const outcome = removed.length === 0 ? 'unchanged' : 'destroyed';
  edge.log.info(removed.length === 0 ? NOTHING : `Nothing on DigitalOcean carries ${d.names.tag} any more.`);
  await edge.summary(destroySummary(subject, outcome, removed, { stays: found.left }));
  await recordPhase(edge, subject, 'provision', {
    command: 'destroy',
    outcome,
    changed: removed.length > 0,
    removed: removed.map(({ kind, name, id, mark, usdPerMonth }) => ({ kind, name, id, mark, usdPerMonth })),
    left: found.left,
  });
}

const NOTHING = 'Nothing on DigitalOcean carries the mark of this migration: there is nothing to remove.';

async function destroying(edge: Edge, subject: Subject): Promise<Destroying> {
  const { config, environment } = subject;
  const client = { ...digitalOceanOf(edge), deadline: deadlineOf(edge) };
  const names = targetNames(environment.migrationId, config.application);
  return {
    edge,
    subject,
    client,
    dns: dnsOf(edge, config, client),
    images: environment.throwAway === undefined ? imageOwner(subject) : undefined,
    names,
    prices: await readLivePrices(client),
  };
}

/** Images are the application's: while another environment is there, they stay for it. */
function imageOwner({ config, environment }: Subject): ImageOwner {
  const { application, environments } = config;
  const others = Object.values(environments).filter(({ name }) => name !== environment.name);
  return {
    application,
    others: Object.fromEntries(
      others.map(({ name, migrationId }) => [name, targetNames(migrationId, application).tag]),
    ),
  };
}

/** The name of the environment, typed: a run of the wrong one would be noticed by nobody else. */
function requireConfirmation(edge: Edge, { environment }: Subject): void {
  const typed = edge.inputs.optional('confirm');
  if (typed === environment.name) return;
  throw new ConfigurationError(
    `\`command: destroy\` removes the whole new side of ${environment.name}, its data too, for good. To say that this is meant, give ` +
      `the environment's name in the input \`confirm\`${typed === undefined ? '' : ` (it is "${typed}")`}. ` +
      '`dry-run: true` lists what would be removed. Nothing was removed.',
  );
}

function refused(reason: string): ConfigurationError {
  return new ConfigurationError(`Nothing was removed: ${asSentence(reason)}`);
}

/** Holds the journal while everything but its own cluster goes, so that no other run acts meanwhile. */
async function removeAll(d: Destroying, owned: readonly Owned[]): Promise<Owned[]> {
  const removed: Owned[] = [];
  const isBase = ({ kind }: Owned): boolean => BASE.includes(kind);
  const address = await journalAddress(d);
  const first = async (journal?: Journal): Promise<void> => {
    const begun = journal === undefined ? undefined : cutoverBegun(await journal.steps('cutover'));
    if (begun !== undefined) throw refused(begun);
    await endOwnCapture(d.edge, d.subject);
    if (journal !== undefined) await restoreTtls(d.dns, journal, d.edge.log);
    await removeEach(d, owned, removed, (one) => !isBase(one));
  };
  if (address === undefined) await first();
  else {
    const { migrationId, throwAway } = d.subject.environment;
    // A rehearsal's runner may have died a moment ago, and nobody comes back for its target.
    await withJournal(d.edge, address, migrationId, (journal) => first(journal), throwAway !== undefined);
  }
  await removeEach(d, owned, removed, isBase);
  return removed;
}

/** What the journal stands on, and what can only go after it; images last, as they cost least. */
const BASE = ['Postgres cluster', 'VPC', 'Image', 'Image repository', 'Container registry', 'Tag'];

async function removeEach(
  { edge }: Destroying,
  owned: readonly Owned[],
  removed: Owned[],
  chosen: (one: Owned) => boolean,
): Promise<void> {
  for (const one of owned.filter(chosen)) {
    edge.signal.throwIfAborted();
    try {
      await one.destroy();
    } catch (error) {
      edge.signal.throwIfAborted();
      const left = owned.filter((other) => !removed.includes(other));
      throw new ConfigurationError(
        `${one.kind} ${one.name} could not be removed: ${messageOf(error)} ` +
          `Removed so far: ${removed.length === 0 ? 'nothing' : removed.map(inWords).join('; ')}. ` +
          `Still there: ${left.map(inWords).join('; ')}. Mend that and run this again: it removes what is left.`,
        { cause: error },
      );
    }
    removed.push(one);
    // Its trusted sources went with it: the post step has nothing left to close.
    if (one.kind === 'Postgres cluster') edge.saveState('runner-address', '');
    edge.log.info(`Removed: ${inWords(one)}`);
  }
}

function inWords({ kind, name, id, mark }: Owned): string {
  return `${kind} ${name} (${id}; ${mark})`;
}

/**
 * Where the journal is, with this runner let in; `undefined` when there is none yet or any more: then no cutover can
 * have begun that the fence would not tell.
 */
async function journalAddress(d: Destroying): Promise<PostgresAddress | undefined> {
  const { client, names, edge } = d;
  const cluster = await findCluster(client, names.cluster);
  if (cluster?.tags?.includes(names.tag) !== true || cluster.status === 'creating') return undefined;
  if (!(await hasJournal(client, cluster.id))) return undefined;
  await admitToCluster(edge, client, cluster.id);
  const { public: endpoint, admin, ca } = await clusterAddresses(client, cluster.id);
  edge.mask(admin.password);
  return { ...endpoint, ...admin, database: JOURNAL_DATABASE, tls: { mode: 'verify', ca } };
}

async function hasJournal(client: DigitalOcean, clusterId: string): Promise<boolean> {
  const read = (page: { page: number; per_page: number }): Promise<{ data: unknown }> =>
    client.dots.database.listDatabaseClusterDbs({ ...page, database_cluster_id: clusterId });
  const databases = await client.all(read, 'dbs', z.object({ name: z.string() }));
  return databases.some(({ name }) => name === JOURNAL_DATABASE);
}
