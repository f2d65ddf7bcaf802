import { listApps } from '../../src/digitalocean/app.ts';
import type { DigitalOcean } from '../../src/digitalocean/client.ts';
import { INGRESS_ADDRESSES } from '../../src/digitalocean/ingress.ts';
import type { DnsProvider } from '../../src/dns/provider.ts';
import { messageOf } from '../../src/errors.ts';
import type { Edge } from '../../src/github/run.ts';
import type { StepRow } from '../../src/migration/journal.ts';
import { readSource, requirePostgres } from '../../src/migration/source.ts';
import { readFence } from '../../src/postgres/fence-marker.ts';
import { herokuOf } from '../parties.ts';
import type { Subject } from '../subject.ts';
import { isOwnApp } from './app-mark.ts';

/**
 * Why the new side may not be removed: it serves, or nobody knows that it does not. `undefined` when Heroku's database
 * takes writes and no domain leads to the new app. Reads only. The journal is asked as well, by `cutoverBegun`.
 */
export async function servingReason(
  edge: Edge,
  subject: Subject,
  { client, dns }: { client: DigitalOcean; dns: DnsProvider | undefined },
  tag: string,
): Promise<string | undefined> {
  return (await fenceReason(edge, subject)) ?? (await domainReason(subject, client, dns, tag));
}

/** The fence is in Heroku's own database: it tells the truth also when the journal's cluster is gone. */
async function fenceReason(edge: Edge, { environment }: Subject): Promise<string | undefined> {
  const { herokuApp, migrationId } = environment;
  try {
    const source = await readSource(herokuOf(edge), herokuApp, edge);
    const fence = await readFence(requirePostgres(source, herokuApp), migrationId, { signal: edge.signal });
    if (fence === 'open') return undefined;
    return (
      `the database of ${herokuApp} on Heroku is closed by this migration, so the new side holds the newest data. ` +
      'Go back to Heroku first (roll-back); if it is to stay on DigitalOcean, there is nothing to destroy'
    );
  } catch (error) {
    edge.signal.throwIfAborted();
    return (
      `whether ${herokuApp} still serves on Heroku could not be found out (${messageOf(error)}), and what is removed here may ` +
      'be all that is left. Mend that and run this again; if Heroku is gone for good, remove things by hand in the control panel'
    );
  }
}

async function domainReason(
  { environment }: Subject,
  client: DigitalOcean,
  dns: DnsProvider | undefined,
  tag: string,
): Promise<string | undefined> {
  if (dns === undefined || environment.domains.length === 0) return undefined;
  const hosts = (await listApps(client))
    .filter(({ spec }) => isOwnApp(spec, tag))
    .flatMap(({ ingressHost }) => ingressHost ?? []);
  if (hosts.length === 0) return undefined;
  const own = new Set<string>([...hosts, ...INGRESS_ADDRESSES.A, ...INGRESS_ADDRESSES.AAAA]);
  for (const domain of environment.domains) {
    const record = (await dns.readAddresses(domain)).find(({ data }) => own.has(data));
    if (record === undefined) continue;
    return (
      `${domain} leads to the new app (${record.data}): visitors would find nothing. Point the record back to Heroku ` +
      '(roll-back does), then run this again'
    );
  }
  return undefined;
}

/** The same question to the journal: a cutover that has begun and was not undone. */
export function cutoverBegun(rows: readonly StepRow[]): string | undefined {
  const begun = rows.filter(({ status }) => status !== 'undone');
  if (begun.length === 0) return undefined;
  return begun.some(({ pointOfNoReturn, status }) => pointOfNoReturn && status === 'done')
    ? 'the journal says that the cutover has passed its point of no return: the new side serves. Go back to Heroku first (roll-back)'
    : `the journal says that a cutover has begun (${begun.map(({ name }) => name).join(', ')}) and was not undone. Run roll-back first`;
}
