import { lookup, type LookupAddress } from 'node:dns';
import type { LookupFunction } from 'node:net';

/** Short against what a name server says of App Platform's names (minutes), long against a burst of visitors. */
const REMEMBERED_MS = 5_000;

/**
 * Resolves names as Node does, once for everybody who asks within a few seconds: a burst of connections would otherwise
 * queue for the four threads that look names up. Where the name server does not answer, what it said last still holds.
 */
export function rememberedLookup(look: typeof lookup = lookup): LookupFunction {
  const known = new Map<string, { until: number; addresses: Promise<LookupAddress[]> }>();

  const addressesOf = (hostname: string): Promise<LookupAddress[]> => {
    const kept = known.get(hostname);
    if (kept !== undefined && kept.until > performance.now()) return kept.addresses;
    const asked = new Promise<LookupAddress[]>((resolve, reject) => {
      look(hostname, { all: true }, (error, addresses) => {
        if (error === null) resolve(addresses);
        else reject(error);
      });
    });
    const addresses = kept === undefined ? asked : asked.catch(() => kept.addresses);
    known.set(hostname, { until: performance.now() + REMEMBERED_MS, addresses });
    // A first answer that failed is nothing to remember.
    addresses.catch(() => known.delete(hostname));
    return addresses;
  };

  return (hostname, options, callback) => {
    addressesOf(hostname).then(
      (addresses) => {
        const [first] = addresses;
        if (options.all === true) callback(null, addresses);
        else callback(null, first?.address ?? '', first?.family ?? 4);
      },
      (error: unknown) => {
        callback(error as NodeJS.ErrnoException, '', 0);
      },
    );
  };
}
