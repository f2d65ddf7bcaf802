import { readAuthorities, readSigning, type Signing } from '../../src/dns/public-view.ts';
import type { DnsProvider } from '../../src/dns/provider.ts';
import { describeRecords, longestTtl, type NameRecord } from '../../src/dns/record.ts';
import { askAll, expectedOf, leadsTo } from '../../src/dns/resolvers.ts';
import { readApp } from '../../src/digitalocean/app.ts';
import { ConfigurationError } from '../../src/errors.ts';
import type { StepRow } from '../../src/migration/journal.ts';
import { targetNames } from '../../src/migration/names.ts';
import type { Parties } from '../parties.ts';
import { cdnFindings } from './cdn-pre-flight.ts';
import type { Finding } from './findings.ts';
import { oldLifetimeEnds } from './lowered-ttl.ts';

/**
 * Whether the names can be moved at all: by these credentials, at this moment, and so that visitors follow as quickly as
 * was promised. Writes one TXT record and removes it again, since nothing else proves that the token may write.
 */
export async function dnsFindings(parties: Parties, lowered: readonly StepRow[]): Promise<Finding[]> {
  const { subject, dns } = parties;
  const { domains } = subject.environment;
  if (dns === undefined || domains.length === 0) return [];
  const read = await Promise.all(domains.map((domain) => readNames(dns, domain)));
  const unreadable = read.flatMap((one) => ('finding' in one ? [one.finding] : []));
  // Asked once more, it would say the same of each name.
  if (unreadable.length > 0) return unreadable;
  const names = read.flatMap((one) => ('records' in one ? [one] : []));
  const byMode =
    subject.config.traffic === 'cdn'
      ? cdnFindings(parties, names)
      : Promise.all([
          ...names.map((one) => nameFindings(parties, one, lowered)),
          signingFinding(parties),
        ]).then((found) => found.flat());
  return [await writable(dns), ...(await byMode)];
}

export interface NameRead {
  domain: string;
  records: NameRecord[];
}

async function readNames(dns: DnsProvider, domain: string): Promise<NameRead | { finding: Finding }> {
  const what = `DNS of ${domain}`;
  try {
    const records = await dns.readAddresses(domain);
    if (records.length > 0) return { domain, records };
    const remedy = `Add the record that leads to Heroku to the zone ${dns.zone} first.`;
    return { finding: { what, found: 'no record', remedy } };
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    return { finding: { what, found: `not readable at ${dns.title}`, remedy: error.message } };
  }
}

const PROBE = 'heroku-to-digitalocean: proves that this migration may write, and is removed at once';
const PROBE_TTL = 300;

/** By a TXT record of its own under a name that nobody uses: added and removed. One that a dead run left is removed first. */
async function writable(dns: DnsProvider): Promise<Finding> {
  const what = `${dns.title} lets this migration write to ${dns.zone}`;
  const name = `_heroku-to-digitalocean.${dns.zone}`;
  try {
    if (!(await dns.ensureText(name, PROBE, PROBE_TTL))) {
      await dns.removeText(name, PROBE);
      await dns.ensureText(name, PROBE, PROBE_TTL);
    }
    await dns.removeText(name, PROBE);
    return { what, found: 'yes: a TXT record was written and removed' };
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    return { what, found: 'no', remedy: error.message };
  }
}

async function nameFindings(
  parties: Parties,
  { domain, records }: NameRead,
  lowered: readonly StepRow[],
): Promise<Finding[]> {
  const [seen, authorities] = await Promise.all([
    publicFinding(parties, domain, records),
    authorityFinding(parties, domain),
  ]);
  return [
    recordFinding(parties, domain, records),
    lifetimeFinding(parties, domain, records, lowered),
    seen,
    authorities,
  ];
}

/** What stands there now, with what of it the cutover cannot or will not keep. */
function recordFinding({ subject }: Parties, domain: string, records: readonly NameRecord[]): Finding {
  const what = `DNS of ${domain}`;
  const found = describeRecords(records);
  if (records.some(({ proxied }) => proxied === true)) {
    return {
      what,
      found,
      remedy:
        'Cloudflare proxies it: visitors reach Cloudflare, so a new record would not lead them away, and a proxy in front of a domain of ' +
        "App Platform breaks the renewal of its certificate. Turn the proxy off (DNS only) and wait five minutes, Cloudflare's lifetime of " +
        "such a record; or write `traffic: cdn`, which switches the origin and needs Cloudflare's Enterprise plan.",
    };
  }
  const six = records.filter(({ type }) => type === 'AAAA');
  const apex = domain === subject.config.dns?.zone;
  const note =
    six.length === 0
      ? ''
      : ` (its AAAA goes: ${apex ? 'App Platform is reached by IPv4 here' : 'the new CNAME has its own'}; a roll-back puts it back)`;
  return { what, found: `${found}${note}` };
}

/** Resolvers keep a record for as long as it said when they asked. */
function lifetimeFinding(
  { subject, clock }: Parties,
  domain: string,
  records: readonly NameRecord[],
  lowered: readonly StepRow[],
): Finding {
  const what = `lifetime of ${domain}`;
  const ttl = subject.config.dns?.ttl ?? 0;
  const now = longestTtl(records);
  if (now > ttl) {
    return {
      what,
      found: `${now} s`,
      remedy: `Resolvers keep it for ${now} s: provision with \`stage: application\` lowers it to ${ttl} s; wait ${now} s after that.`,
    };
  }
  const ends = oldLifetimeEnds(domain, lowered);
  if (ends === undefined)
    return { what, found: records.some(({ type }) => type === 'ALIAS') ? 'an alias' : `${now} s` };
  const left = Math.ceil((ends.getTime() - clock.now().getTime()) / 1000);
  if (left <= 0) return { what, found: `${now} s, and no resolver keeps the old one any more` };
  return {
    what,
    found: `${now} s, lowered too short a while ago`,
    remedy: `Resolvers may keep the record with its old lifetime until ${ends.toISOString().slice(0, 16)}Z (${left} s more): start again then.`,
  };
}

/** The zone that is written must be the one that the public asks: another may be delegated. */
async function publicFinding(
  { resolvers, signal }: Parties,
  domain: string,
  records: readonly NameRecord[],
): Promise<Finding> {
  const what = `${domain} as public resolvers see it`;
  const seen = await askAll(resolvers, domain, 'A', signal);
  const silent = seen.filter(({ answer }) => answer === undefined);
  if (silent.length === seen.length) {
    return {
      what,
      found: `no answer from ${silent.map(({ resolver }) => resolver).join(', ')}`,
      remedy: 'Name resolvers that this runner can reach over UDP in the input resolvers.',
    };
  }
  const answers = seen.flatMap(({ resolver, answer }) =>
    answer === undefined ? [] : [{ resolver, targets: leadsTo(answer, domain), rcode: answer.rcode }],
  );
  const found = answers.map(({ resolver, targets, rcode }) => `${resolver}: ${targets.join(', ') || rcode}`);
  const told = [...found, ...silent.map(({ resolver }) => `${resolver}: no answer`)].join('; ');
  const expected = expectedOf(records);
  const others = answers.filter(
    ({ targets }) => expected !== undefined && expected.length > 0 && targets.join() !== expected.join(),
  );
  const nowhere = answers.filter(({ targets }) => targets.length === 0);
  if (others.length === 0 && nowhere.length === 0) return { what, found: told };
  return {
    what,
    found: told,
    remedy:
      'That is not what stands in the zone. Either the record was changed a moment ago (wait), or another provider serves the zone: look at ' +
      'its name servers (`dig NS`) and correct `dns` in migration.yml.',
  };
}

/** App Platform takes certificates from either of the two, and not always from the same (DigitalOcean, 2025-07). */
const AUTHORITIES = ['letsencrypt.org', 'pki.goog'];

async function authorityFinding({ resolvers, signal }: Parties, domain: string): Promise<Finding> {
  const what = `CAA of ${domain}`;
  const found = await readAuthorities(resolvers, domain, signal);
  if (found === undefined) {
    return {
      what,
      found: 'not known: no resolver answered',
      remedy: 'Run this again, or name other resolvers.',
    };
  }
  if (found.at === '') return { what, found: 'none: every authority may issue' };
  const lacking = AUTHORITIES.filter((one) => !found.allowed.includes(one));
  const told = `${found.allowed.join(', ') || 'nobody'} may issue (records of ${found.at})`;
  if (lacking.length === 0) return { what, found: told };
  return {
    what,
    found: told,
    remedy: `App Platform gets its certificates from ${AUTHORITIES.join(' and ')}: add CAA records (\`0 issue\`) for ${lacking.join(' and ')} to ${found.at}.`,
  };
}

const SIGNED: Record<Signing, (zone: string, certified: boolean) => Omit<Finding, 'what'>> = {
  unsigned: () => ({ found: 'not signed' }),
  unknown: () => ({
    found: 'not known: no resolver answered',
    remedy: 'Run this again, or name other resolvers in the input resolvers.',
  }),
  broken: (zone) => ({
    found: 'resolvers refuse the zone (SERVFAIL)',
    remedy:
      `The DS record of ${zone} at its registrar does not fit what its provider signs, as after a change of provider: remove the DS ` +
      "there, or put in the present provider's.",
  }),
  signed: (_zone, certified) =>
    certified
      ? {
          found:
            "signed (DS present). App Platform's documentation does not support that; the certificates are there all the same. Watch their renewal",
        }
      : {
          found: 'signed (DS present)',
          remedy:
            'App Platform does not support domains that DNSSEC signs (its documentation), and they have no certificate yet. Remove the DS at the ' +
            'registrar, wait for its lifetime (a day, often), then turn signing off.',
        },
};

async function signingFinding({ subject, newSide, resolvers, signal }: Parties): Promise<Finding> {
  const { dns } = subject.config;
  const zone = dns?.zone ?? '';
  const [signing, certified] = await Promise.all([
    readSigning(resolvers, zone, signal),
    isCertified({ subject, newSide }),
  ]);
  return { what: `DNSSEC of ${zone}`, ...SIGNED[signing](zone, certified) };
}

async function isCertified({ subject, newSide }: Pick<Parties, 'subject' | 'newSide'>): Promise<boolean> {
  const { app: name } = targetNames(subject.environment.migrationId, subject.config.application);
  const app = await readApp(newSide.client, name);
  return subject.environment.domains.every((domain) =>
    app?.domains?.some(({ spec, phase }) => spec?.domain === domain && phase === 'ACTIVE'),
  );
}
