import { z } from 'zod';
import type { App } from '../../src/digitalocean/app.ts';
import { beyondThePlan, specDifferences } from '../../src/digitalocean/app-spec-diff.ts';
import type { mergeSpec } from '../../src/digitalocean/app-spec-merge.ts';
import type { AppSpec } from '../../src/digitalocean/app-spec.ts';
import type { PlanComponent } from '../../src/migration/plan.ts';
import { DIGEST_VARIABLE } from './app-mark.ts';
import { frontDoorLines } from './front-door.ts';
import type { Provisioning } from './provision.ts';
import { registryLines } from './registry-line.ts';
import { tellPlan, type Resource } from './resource.ts';
import { ownDomains } from './own-domains.ts';
import { lifetimeOf } from './ttl.ts';

/** The live app, and what would be sent: `merged` is the live spec with the plan laid over it. */
export interface LiveApp {
  app: App;
  merged: ReturnType<typeof mergeSpec>;
  /** The newest deployment failed, so that the same spec is deployed again. */
  failed: boolean;
}

/** The diff of the application's stage, told: app, components, domains and their TTL. Reads only. */
export async function plannedApplication(
  p: Provisioning,
  planned: AppSpec | undefined,
  live: LiveApp | undefined,
): Promise<Resource[]> {
  const differences = live === undefined ? [] : specDifferences(live.app.spec, live.merged.spec);
  const resources = [
    appLine(p, live, differences),
    ...p.plan.components.map((component) => componentLine(p, component, live, differences)),
    ...(planned === undefined || live === undefined ? [] : unplannedLines(p, planned, live)),
    ...ownDomains(p.plan).map((domain) => domainLine(domain, live)),
    ...(await Promise.all(p.plan.domains.map((domain) => ttlLine(p, domain)))).flat(),
    ...(await frontDoorLines(p, live?.app)),
    ...(await registryLines(p)),
  ];
  tellPlan(p.edge.log, resources);
  return resources;
}

function appLine({ names, plan }: Provisioning, live: LiveApp | undefined, differences: string[]): Resource {
  const line = { kind: 'App', name: names.app, usdPerMonth: 0 };
  if (live === undefined)
    return { ...line, change: 'create', detail: `in ${plan.region}, closed until the switch` };
  const { region } = live.app.spec;
  if (typeof region === 'string' && region !== plan.region) {
    return {
      ...line,
      change: 'drift',
      detail: `it lies in ${region}, and the plan says ${plan.region}: an app cannot be moved. ${ANEW}`,
    };
  }
  const own = withoutSecrets(differences.filter((text) => !/^(services|workers|jobs|domains)\./.test(text)));
  if (own.length > 0) return { ...line, change: 'change', detail: shortList(own) };
  if (live.failed) return { ...line, change: 'change', detail: 'its last deployment failed: deploys again' };
  return differences.length > 0
    ? { ...line, change: 'change', detail: 'deploys what is changed below' }
    : { ...line, change: 'keep', detail: `in ${plan.region}` };
}

/** Once one secret has changed, all are sent anew, and which of them it was nobody can tell. */
function withoutSecrets(texts: string[]): string[] {
  if (!texts.some((text) => text.startsWith(`envs.${DIGEST_VARIABLE}:`))) return texts;
  return ['config vars', ...texts.filter((text) => !text.startsWith('envs.'))];
}

const ANEW = 'Remove the new side with `command: destroy` and provision it anew, or put `region` back';
const LISTS: Record<PlanComponent['kind'], string> = {
  service: 'services',
  worker: 'workers',
  release: 'jobs',
  scheduled: 'jobs',
};

function componentLine(
  { prices }: Provisioning,
  component: PlanComponent,
  live: LiveApp | undefined,
  differences: string[],
): Resource {
  const { name, kind, instanceSize, count } = component;
  const brief = kind === 'release' || kind === 'scheduled';
  const line = {
    kind: `Component (${kind})`,
    name,
    usdPerMonth: brief ? null : prices.instances(instanceSize, count),
  };
  const size = `${count} × ${instanceSize}${brief ? ', billed while it runs' : ''}`;
  if (live === undefined) return { ...line, change: 'create', detail: size };
  const at = `${LISTS[kind]}.${name}`;
  const own = differences.filter((text) => text.startsWith(`${at}:`) || text.startsWith(`${at}.`));
  if (own.includes(`${at}: new`)) return { ...line, change: 'create', detail: size };
  if (own.length === 0) return { ...line, change: 'keep', detail: size };
  return {
    ...line,
    change: 'change',
    detail: `${size}; ${shortList(own.map((text) => text.slice(at.length + 1)))}`,
  };
}

const sizedSchema = z.object({
  name: z.string(),
  instance_size_slug: z.string().default(''),
  instance_count: z.number().default(1),
});

/** What somebody added or set by hand: kept, told, and priced where it costs. */
function unplannedLines({ prices }: Provisioning, planned: AppSpec, { app }: LiveApp): Resource[] {
  return beyondThePlan(app.spec, { ...planned }).map((path): Resource => {
    const [list = '', name = ''] = path.split('.');
    const found = z.array(z.unknown()).safeParse(app.spec[list]).data ?? [];
    const sized = found
      .map((one) => sizedSchema.safeParse(one).data)
      .find((one) => one?.name === name && path.split('.').length === 2);
    const runs = sized !== undefined && (list === 'services' || list === 'workers');
    return {
      kind: 'App spec',
      name: path,
      change: 'drift',
      detail:
        'the plan does not speak of it: somebody added it by hand. It is kept as it is; remove it in the control panel if it ' +
        'is not meant to stay',
      usdPerMonth: runs
        ? prices.instances(sized.instance_size_slug, sized.instance_count)
        : path === 'egress'
          ? DEDICATED_EGRESS_USD
          : null,
    };
  });
}

/** Two addresses of the app's own (docs, "Static IPs", 2025-12-11). */
const DEDICATED_EGRESS_USD = 25;

function domainLine(domain: string, live: LiveApp | undefined): Resource {
  const line = { kind: 'Domain', name: domain, usdPerMonth: 0 };
  const found = live?.app.domains?.find(({ spec }) => spec?.domain === domain);
  if (found === undefined)
    return { ...line, change: 'create', detail: 'its certificate before DNS leads there' };
  const ready = found.phase === 'ACTIVE' || found.certificate_expires_at != null;
  return {
    ...line,
    change: ready ? 'keep' : 'change',
    detail: ready ? `certificate is there (${found.phase})` : `no certificate yet (${found.phase})`,
  };
}

async function ttlLine({ dns, plan }: Provisioning, domain: string): Promise<Resource[]> {
  if (dns === undefined || plan.dns === null || plan.traffic === 'cdn') return [];
  const { ttl } = plan.dns;
  const line = { kind: 'DNS TTL', name: domain, usdPerMonth: 0 };
  const now = lifetimeOf(await dns.readAddresses(domain));
  if (now === null) return [];
  return now <= ttl
    ? [{ ...line, change: 'keep', detail: `${now} s` }]
    : [{ ...line, change: 'change', detail: `${now} s → ${ttl} s` }];
}

const LONGEST_LIST = 8;

function shortList(texts: string[]): string {
  const rest = texts.length - LONGEST_LIST;
  return texts.slice(0, LONGEST_LIST).join(', ') + (rest > 0 ? ` and ${rest} more` : '');
}
