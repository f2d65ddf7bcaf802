import { askAll, type Resolver, type Seen } from './resolvers.ts';

/** What the public sees of a name, whoever serves it. `undefined`: no resolver answered. */
export interface Authorities {
  /** Where the records stand that hold for the name; empty: nowhere, so every authority may issue. */
  at: string;
  /** The authorities that may issue; empty with `at`: none may. */
  allowed: string[];
}

interface CaaData {
  tag: string;
  value: string;
}

/**
 * The certificate authorities that a name's CAA records admit: those of the nearest name above it that has any (RFC 8659).
 * What stands at the end of an alias is left aside, since the alias is about to lead elsewhere.
 */
export async function readAuthorities(
  resolvers: readonly Resolver[],
  name: string,
  signal?: AbortSignal,
): Promise<Authorities | undefined> {
  for (let at = name; at.includes('.'); at = at.slice(at.indexOf('.') + 1)) {
    const seen = await askAll(resolvers, at, 'CAA', signal);
    const answers = usable(seen);
    if (answers.length === 0) return undefined;
    const records = answers
      .flatMap((answer) => answer.answers)
      .filter((one) => one.type === 'CAA' && one.name === at)
      .map(({ data }) => data as CaaData);
    if (records.length === 0) continue;
    const issue = records.filter(({ tag }) => tag.toLowerCase() === 'issue');
    // Only others than `issue` (an address for reports): nothing is limited.
    if (issue.length === 0) return { at: '', allowed: [] };
    const allowed = issue.map(({ value }) => (value.split(';')[0] ?? '').trim().toLowerCase());
    return { at, allowed: [...new Set(allowed.filter((one) => one !== ''))].sort() };
  }
  return { at: '', allowed: [] };
}

/** `signed`: its parent has a DS; `broken`: resolvers that check signatures refuse the zone; `unknown`: nobody answered. */
export type Signing = 'unsigned' | 'signed' | 'broken' | 'unknown';

export async function readSigning(
  resolvers: readonly Resolver[],
  zone: string,
  signal?: AbortSignal,
): Promise<Signing> {
  const ds = await askAll(resolvers, zone, 'DS', signal);
  const served = await askAll(resolvers, zone, 'SOA', signal);
  if (served.some(({ answer }) => answer?.rcode === 'SERVFAIL')) return 'broken';
  const answers = usable(ds);
  if (answers.length === 0 || usable(served).length === 0) return 'unknown';
  return answers.some((answer) => answer.answers.some(({ type }) => type === 'DS')) ? 'signed' : 'unsigned';
}

function usable(seen: readonly Seen[]): NonNullable<Seen['answer']>[] {
  return seen.flatMap(({ answer }) =>
    answer !== undefined && ['NOERROR', 'NXDOMAIN'].includes(answer.rcode) ? [answer] : [],
  );
}
