import { randomBytes } from 'node:crypto';

import { ConfigurationError, messageOf } from '../../src/errors.ts';
import type { Edge } from '../../src/github/run.ts';
import { targetNames } from '../../src/migration/names.ts';
import { requireMigrationKey } from '../../src/migration/secrets.ts';
import { thrownAway } from '../../src/migration/throw-away.ts';
import { isProbe, PROBE_LABEL, type Probed } from '../../src/probe/probe-record.ts';
import { probeIds, probes, type ProbeId } from '../../src/probe/probes.ts';
import { dnsOf } from '../names.ts';
import { digitalOceanOf, herokuOf } from '../parties.ts';
import { readLivePrices } from '../provision/prices.ts';
import { deadlineOf } from '../provision/provision.ts';
import { openSubject, readDeclared, recordPhase, type Subject } from '../subject.ts';
import { doadmin, openSessions } from './cluster-rights.ts';
import { defaultCredential } from './default-credential.ts';
import { digitalOceanGround, type DigitalOceanGround } from './digitalocean-ground.ts';
import { herokuGround, type HerokuGround } from './heroku-ground.ts';
import { keyValueStore } from './key-value-store.ts';
import { orderOf, runCost, type Plans } from './order.ts';
import { once, tryProbe, type Probe } from './outcome.ts';
import { plainDomain } from './plain-domain.ts';
import { privateNetwork } from './private-network.ts';
import { routerHold } from './router-hold.ts';
import { schedulerAddress } from './scheduler-address.ts';
import { attachedDyno, emptySlug, foreignSlug, slugOutlivesApp } from './slugs.ts';
import { costLine, orderSummary, probeSummary, type ProbeOutcome } from './summary.ts';
import { inWords, leftByProbes, sweep, type Swept } from './sweep.ts';

/**
 * Asks both platforms, on throw-away resources in the user's own accounts, what this suite believes of them: makes what each
 * probe needs, tries it, and takes all of it away again, also what an earlier run left. Fails when a platform does
 * otherwise, when something could not be asked, and when something could not be taken away; the record keeps each answer
 * for the cutover's pre-flight.
 */
export async function probe(edge: Edge): Promise<void> {
  const command = edge.inputs.choice('command', ['run', 'sweep']);
  const subject = await readProbed(edge);
  const swept = sweptOf(edge, subject);
  const chosen = chosenProbes(edge);
  const plans: Plans = {
    postgres: edge.inputs.required('heroku-postgres-plan'),
    keyValueStore: edge.inputs.required('heroku-key-value-store-plan'),
  };
  const dryRun = edge.inputs.boolean('dry-run');

  const lines = await orderOf(command === 'sweep' ? [] : chosen, {
    heroku: swept.heroku,
    prices: await readLivePrices(swept.client),
    plans,
  });
  if (dryRun) {
    const left = (await leftByProbes(swept)).map(inWords);
    for (const { what, for: ids } of lines) edge.log.info(`Would make: ${what} (${ids.join(', ')})`);
    for (const one of left) edge.log.info(`Would remove, from an earlier run: ${one}`);
    edge.log.info(command === 'sweep' ? 'Nothing would be made.' : costLine(lines));
    await edge.summary(orderSummary(subject, lines, left));
    return tellOutputs(edge, subject, 'planned', false);
  }

  const before = await edge.log.group('What an earlier run left', () => sweep(swept));
  if (command === 'sweep') {
    refuseLeft(before.left);
    edge.log.info(before.removed.length === 0 ? 'There was nothing to sweep.' : 'Nothing is left.');
    return tellOutputs(
      edge,
      subject,
      before.removed.length > 0 ? 'swept' : 'unchanged',
      before.removed.length > 0,
    );
  }
  refuseLeft(before.left);

  const { probed, left } = await probeAndSweep(edge, subject, swept, { chosen, plans });
  const outcome = outcomeOf(probed);
  await edge.summary(probeSummary(subject, outcome, { probed, lines, left }));
  await recordPhase(edge, subject, 'probe', {
    outcome,
    changed: true,
    probes: probed.map((one) => ({ ...one, seen: edge.redact(one.seen) })),
    usd: runCost(lines),
    left,
  });
  refuseLeft(left);
  refuseUnanswered(outcome, probed);
}

/** Its own migration id, so that nothing of a migration is ever taken for the probes', nor the other way round. */
async function readProbed(edge: Edge): Promise<Subject> {
  const { config, environment } = await readDeclared(edge);
  return openSubject(edge, config, thrownAway(config, environment, PROBE_LABEL));
}

function chosenProbes(edge: Edge): ProbeId[] {
  const named = (edge.inputs.optional('probes') ?? '').split(/[\s,]+/).filter((one) => one !== '');
  const unknown = named.filter((one) => !isProbe(one));
  if (unknown.length > 0)
    throw new ConfigurationError(
      `The input probes names ${unknown.join(', ')}, which is no probe. There are: ${probeIds.join(', ')}. Nothing was made.`,
    );
  return named.length === 0 ? probeIds : probeIds.filter((id) => named.includes(id));
}

/** With clients that go on in a cancelled run: what was made is taken away there, too. */
function sweptOf(edge: Edge, { config, environment }: Subject): Swept {
  const client = digitalOceanOf(edge, null);
  return {
    edge,
    heroku: herokuOf(edge, null),
    like: environment.herokuApp,
    client,
    names: targetNames(environment.migrationId, config.application),
    dns: dnsOf(edge, config, client),
    migrationId: environment.migrationId,
  };
}

interface Chosen {
  chosen: readonly ProbeId[];
  plans: Plans;
}

/** Both sides at once, each side's probes one after the other; then everything is taken away, whatever became of them. */
async function probeAndSweep(
  edge: Edge,
  subject: Subject,
  swept: Swept,
  { chosen, plans }: Chosen,
): Promise<{ probed: Probed[]; left: string[] }> {
  // What a probe left under way when its time was up must not make anything while it is swept.
  const work = new AbortController();
  const signal = AbortSignal.any([edge.signal, work.signal]);
  const { log, clock } = edge;
  const all = everyProbe(edge, subject, swept, plans, signal);
  const inTurn = async (side: 'Heroku' | 'DigitalOcean'): Promise<Probed[]> => {
    const done: Probed[] = [];
    for (const id of chosen.filter((one) => probes[one].at === side)) {
      done.push(await tryProbe({ id, ...all[id] }, { log, clock, signal }));
    }
    return done;
  };
  let left: string[] = [];
  try {
    const sides = await Promise.allSettled([inTurn('Heroku'), inTurn('DigitalOcean')]);
    for (const side of sides) if (side.status === 'rejected') throw side.reason;
    const probed = sides.flatMap((side) => (side.status === 'fulfilled' ? side.value : []));
    work.abort();
    left = await sweepAtTheEnd(swept);
    return { probed, left };
  } catch (error) {
    work.abort();
    left = await sweepAtTheEnd(swept);
    if (left.length === 0) throw error;
    throw new ConfigurationError(`${messageOf(error)} ${leftInWords(left)}`, { cause: error });
  }
}

async function sweepAtTheEnd(swept: Swept): Promise<string[]> {
  try {
    return (await swept.edge.log.group('Taking everything away', () => sweep(swept))).left;
  } catch (error) {
    return [`not known, since it could not be looked at: ${messageOf(error)}`];
  }
}

const MINUTES = 60_000;

function everyProbe(
  edge: Edge,
  subject: Subject,
  swept: Swept,
  plans: Plans,
  signal: AbortSignal,
): Record<ProbeId, Omit<Probe, 'id'>> {
  const { environment, config } = subject;
  const { migrationId } = environment;
  const deadline = deadlineOf(edge);
  const heroku: HerokuGround = herokuGround({
    client: herokuOf(edge, signal),
    patienceMs: deadline - edge.clock.now().getTime(),
    like: swept.like,
    migrationId,
    mark: swept.names.tag,
    mask: (value) => edge.mask(value),
    maskUrl: (url) => edge.maskUrl(url),
  });
  const client = { ...digitalOceanOf(edge, signal), deadline };
  const newSide: DigitalOceanGround = digitalOceanGround({
    edge,
    client,
    names: swept.names,
    migrationId,
    region: environment.region,
    redisPort: config.redis.port,
    key: requireMigrationKey(randomBytes(32).toString('hex')),
    domain:
      edge.inputs.optional('domain') ?? (config.dns && `h2d-probe-${environment.name}.${config.dns.zone}`),
  });
  const elsewhere = once(() => foreignSlug(heroku, signal));
  const scheduler = {
    schedulerUrl: edge.inputs.url('scheduler-api-url'),
    token: edge.inputs.secret('heroku-token'),
  };
  return {
    'scheduler-address': { limitMs: 6 * MINUTES, run: (own) => schedulerAddress(heroku, scheduler, own) },
    'default-credential': {
      limitMs: 20 * MINUTES,
      run: (own) => defaultCredential(heroku, { plan: plans.postgres, migrationId }, own),
    },
    'key-value-store': {
      limitMs: 20 * MINUTES,
      run: (own) => keyValueStore(heroku, plans.keyValueStore, own),
    },
    'router-hold': { limitMs: 20 * MINUTES, run: (own) => routerHold(heroku, own) },
    'foreign-slug': { limitMs: 20 * MINUTES, run: () => elsewhere() },
    'slug-outlives-app': { limitMs: 20 * MINUTES, run: (own) => slugOutlivesApp(heroku, elsewhere, own) },
    'attached-dyno': { limitMs: 20 * MINUTES, run: (own) => attachedDyno(heroku, own) },
    'empty-slug': { limitMs: 20 * MINUTES, run: (own) => emptySlug(heroku, own) },
    doadmin: { limitMs: 30 * MINUTES, run: (own) => doadmin(newSide, own) },
    'open-sessions': { limitMs: 30 * MINUTES, run: (own) => openSessions(newSide, own) },
    'private-network': { limitMs: 45 * MINUTES, run: (own) => privateNetwork(newSide, own) },
    'plain-domain': { limitMs: 45 * MINUTES, run: () => plainDomain(newSide, swept.dns) },
  };
}

function outcomeOf(probed: readonly Probed[]): ProbeOutcome {
  if (probed.some(({ result }) => result === 'failed')) return 'failed';
  return probed.every(({ result }) => result === 'passed') ? 'passed' : 'incomplete';
}

function leftInWords(left: readonly string[]): string {
  return `This is left, and costs on: ${left.join('; ')}. Run this again with \`command: sweep\`.`;
}

function refuseLeft(left: readonly string[]): void {
  if (left.length > 0) throw new ConfigurationError(leftInWords(left));
}

function refuseUnanswered(outcome: ProbeOutcome, probed: readonly Probed[]): void {
  if (outcome === 'passed') return;
  throw new ConfigurationError(
    [
      outcome === 'failed' ? 'A platform does otherwise than is believed:' : 'Not every probe had an answer:',
      ...probed
        .filter(({ result }) => result !== 'passed')
        .map(({ id, result, seen }) => `  ${id} (${result}): ${seen}`),
      'Everything that was made is gone. docs/assumptions.md says what each means.',
    ].join('\n'),
  );
}

function tellOutputs(edge: Edge, subject: Subject, outcome: string, changed: boolean): void {
  edge.setOutput('record', subject.recordPath);
  edge.setOutput('outcome', outcome);
  edge.setOutput('changed', changed);
}
