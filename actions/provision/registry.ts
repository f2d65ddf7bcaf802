import type { DigitalOcean } from '../../src/digitalocean/client.ts';
import { repositoryOf } from '../../src/digitalocean/image-reference.ts';
import { DigitalOceanError } from '../../src/digitalocean/refusal.ts';
import { listRepositories } from '../../src/digitalocean/registry-images.ts';
import {
  createRegistry,
  listRegistries,
  readRegistryOffer,
  readSubscription,
  registryNameFree,
  registryRegion,
  tierTold,
  type Registry,
  type RegistryTier,
} from '../../src/digitalocean/registry.ts';
import { ConfigurationError, messageOf } from '../../src/errors.ts';
import type { Edge } from '../../src/github/run.ts';
import { REGISTRY_TIER, REGISTRY_USD } from '../../src/migration/cost.ts';
import { targetNames } from '../../src/migration/names.ts';
import { digitalOceanOf } from '../parties.ts';
import { readSubject, recordPhase } from '../subject.ts';
import { differingPrices, tellDifference, type PriceLine } from './prices.ts';
import { deadlineOf, requirePlan } from './provision.ts';
import { hasTag, imageMark, isMadeHere, markOf, readMarks, removeTag, writeTag } from './registry-mark.ts';
import { isToDo, tellPlan, totalOf, type Resource } from './resource.ts';
import { provisionSummary } from './summary.ts';

/** What this stage works with. */
interface Pushing {
  edge: Pick<Edge, 'log' | 'clock' | 'signal'>;
  client: DigitalOcean;
  application: string;
  /** Where the image will lie. */
  registry: string;
  repository: string;
  /** The plan's, near which images should lie. */
  datacentre: string;
  /** The environment's tag: while it is there, no other environment's `destroy` takes images away. */
  tag: string;
}

/**
 * `stage: registry`, before the image is pushed: makes DigitalOcean's registry where the account has none, and claims for
 * this environment what lies in it. A registry that is there stays as it is, whoever made it; one of another name, a name
 * that somebody else has, and one without room are refused with what to do.
 */
export async function provisionRegistry(edge: Edge): Promise<void> {
  const reference = edge.inputs.required('image-repository');
  const place = repositoryOf(reference);
  if (place === undefined) {
    edge.log.info(`${reference} is not in DigitalOcean's registry: nothing is made for it.`);
    edge.setOutput('outcome', 'unchanged');
    edge.setOutput('changed', false);
    return;
  }
  const subject = await readSubject(edge);
  const { application } = subject.config;
  const { tag } = targetNames(subject.environment.migrationId, application);
  const client = { ...digitalOceanOf(edge), deadline: deadlineOf(edge) };
  const { datacentre } = requirePlan(subject);
  const pushing: Pushing = { edge, client, application, ...place, datacentre, tag };
  const dryRun = edge.inputs.boolean('dry-run');

  const planned = await ensureRegistry(pushing, dryRun);
  const changed = planned.resources.some(isToDo);
  const outcome = dryRun ? 'planned' : changed ? 'done' : 'unchanged';
  for (const line of planned.priceDifferences) edge.log.warning(tellDifference(line));
  await edge.summary(provisionSummary('registry', outcome, { ...planned, changed, notes: [] }));
  edge.setOutput('image-mark', imageMark(application, edge.clock.now()));
  if (dryRun) {
    edge.setOutput('record', subject.recordPath);
    edge.setOutput('outcome', outcome);
    edge.setOutput('changed', false);
    return;
  }
  const { resources, priceDifferences } = planned;
  const usdPerMonth = totalOf(resources);
  await recordPhase(edge, subject, 'provision', {
    ...{ stage: 'registry', outcome, changed, resources, usdPerMonth, priceDifferences },
  });
}

/** The diff, and then what it says unless this is a dry run. */
export async function ensureRegistry(p: Pushing, dryRun: boolean): Promise<PlannedRegistry> {
  const planned = await p.edge.log.group('Plan', () => plannedRegistry(p));
  if (!dryRun) await p.edge.log.group('Registry', () => makeWhatIsMissing(p, planned));
  return planned;
}

interface PlannedRegistry {
  resources: Resource[];
  priceDifferences: PriceLine[];
  /** What is to be made; undefined when the registry is there. */
  wanted: { name: string; tier: string; region: string | undefined } | undefined;
}

/** The diff, told. Reads only. @throws ConfigurationError where nothing can be pushed and nothing can be made. */
async function plannedRegistry(p: Pushing): Promise<PlannedRegistry> {
  const { client, registry: name, edge } = p;
  const registries = await listRegistries(client);
  const found = registries.find((one) => one.name === name);
  const [line, wanted] =
    found === undefined ? await toBeMade(p, registries) : [await asItIs(p, found), undefined];
  const resources = [line, await claimLine(p)];
  tellPlan(edge.log, resources);
  const price: PriceLine = {
    what: `Container registry (${REGISTRY_TIER})`,
    promised: REGISTRY_USD,
    now: line.usdPerMonth,
  };
  return { resources, wanted, priceDifferences: wanted === undefined ? [] : differingPrices([price]) };
}

async function toBeMade(
  { client, registry: name, datacentre, repository }: Pushing,
  others: readonly Registry[],
): Promise<[Resource, PlannedRegistry['wanted']]> {
  if (others.length > 0) {
    const [other] = others.map((one) => one.name);
    throw new ConfigurationError(
      `The image is to go to the registry "${name}", and the account of this token has ${others.map((one) => `"${one.name}"`).join(', ')} ` +
        `and not that. Set the variable IMAGE_REPOSITORY to registry.digitalocean.com/${other ?? ''}/${repository}: one registry ` +
        'holds the images of all apps. Nothing was made.',
    );
  }
  if (!/^[a-z0-9-]{1,63}$/u.test(name)) {
    throw new ConfigurationError(
      `DigitalOcean has no registries named "${name}": lower-case letters, digits and hyphens, 63 at most. Correct the ` +
        'variable IMAGE_REPOSITORY. Nothing was made.',
    );
  }
  if (!(await registryNameFree(client, name))) throw nameTaken(name, repository);
  const { tiers, regions } = await readRegistryOffer(client);
  const tier = tiers.find(({ slug }) => slug === REGISTRY_TIER);
  const region = registryRegion(datacentre, regions);
  const detail = `${tierTold(tier) || REGISTRY_TIER}${region === undefined ? '' : `, in ${region}`}`;
  const usdPerMonth = tier?.usdPerMonth ?? null;
  return [
    { kind: 'Container registry', name, change: 'create', detail, usdPerMonth },
    { name, tier: REGISTRY_TIER, region },
  ];
}

function nameTaken(name: string, repository: string): ConfigurationError {
  return new ConfigurationError(
    `Somebody else has a registry named "${name}": names are unique among all of DigitalOcean's customers. Set the variable ` +
      `IMAGE_REPOSITORY to another, for example registry.digitalocean.com/${name}-${repository.replaceAll('/', '-')}/${repository}. Nothing was made.`,
  );
}

async function asItIs(p: Pushing, found: Registry): Promise<Resource> {
  const { client, application, registry: name, repository } = p;
  const [tier, marks] = await Promise.all([readSubscription(client), readMarks(client, application)]);
  const made = isMadeHere(found, marks);
  const line = { kind: 'Container registry', name, usdPerMonth: made ? (tier?.usdPerMonth ?? null) : null };
  const told = tierTold(tier) || 'at a price that is not told';
  await requireRoom(p, tier);
  if (tier?.slug === 'starter') {
    return {
      ...line,
      change: 'drift',
      detail: `${told}: a second image hardly fits. Choose ${REGISTRY_TIER} under ${PANEL}, or the push of ${repository} may be refused`,
    };
  }
  const most = tier?.storageBytes ?? null;
  if (most !== null && found.usedBytes > most) {
    return {
      ...line,
      change: 'drift',
      detail: `${told}, and ${(found.usedBytes / 1024 ** 3).toFixed(1)} GiB lie in it, which costs more or is refused: remove images under ${PANEL}`,
    };
  }
  const whose = made ? 'made by this' : "the account's own, and it stays";
  return { ...line, change: 'keep', detail: `${whose}: ${told}` };
}

const PANEL = 'https://cloud.digitalocean.com/registry';

/** A tier that is full refuses the first push of another repository: better known before an image is built for it. */
async function requireRoom(
  { client, registry, repository }: Pushing,
  tier: RegistryTier | undefined,
): Promise<void> {
  const most = tier?.repositories ?? 0;
  if (tier === undefined || most === 0) return;
  const there = await listRepositories(client, registry);
  if (there.includes(repository) || there.length < most) return;
  throw new ConfigurationError(
    `The registry "${registry}" holds ${there.length} ${there.length === 1 ? 'repository' : 'repositories'} (${there.join(', ')}), and ` +
      `its tier ${tier.slug} has room for ${most}: ${repository} would be refused. Choose a larger tier under ${PANEL}, or set ` +
      'the variable IMAGE_REPOSITORY to one of those. Nothing was made.',
  );
}

async function claimLine({ client, tag }: Pushing): Promise<Resource> {
  const line = { kind: 'Tag', name: tag, usdPerMonth: 0 };
  const detail = "while it is there, no other environment's `destroy` takes the images away";
  return { ...line, change: (await hasTag(client, tag)) ? 'keep' : 'create', detail };
}

async function makeWhatIsMissing(p: Pushing, { resources, wanted }: PlannedRegistry): Promise<void> {
  const { client, edge, tag } = p;
  // First: another environment's `destroy` may run at this moment.
  if (resources.some((line) => line.kind === 'Tag' && isToDo(line))) await writeTag(client, tag);
  if (wanted === undefined) {
    edge.log.info(`Registry ${p.registry}: there already`);
    return;
  }
  const mark = markOf(p.application, wanted.name, edge.clock.now());
  await writeTag(client, mark.tag);
  try {
    const made = await createRegistry(client, wanted);
    edge.log.info(`Registry ${made.name}: created`);
  } catch (error) {
    edge.signal.throwIfAborted();
    if (error instanceof ConfigurationError || isRefusal(error)) await forget(p, mark.tag);
    if (error instanceof DigitalOceanError && error.status === 409)
      throw nameTaken(wanted.name, p.repository);
    throw error;
  }
}

/** Refused for certain: nothing came of it that would have to be known again. What is left of the note does no harm. */
async function forget({ client, edge }: Pushing, tag: string): Promise<void> {
  await removeTag(client, tag).catch((error: unknown) => {
    edge.log.info(`The tag ${tag} stays: ${messageOf(error)}`);
  });
}

function isRefusal(error: unknown): boolean {
  return error instanceof DigitalOceanError && error.status >= 400 && error.status < 500;
}
