/** What somebody who serves zones answers to the public. */
export interface PublicAnswer {
  name: string;
  type: string;
  /** Seconds. */
  ttl: number;
  /** As zone files write it; a CAA as `0 issue "pki.goog"`. */
  data: string;
}

/** Whoever serves some zones: one of the played companies. */
export interface PublicZones {
  /** The zone in which the name lies; `undefined` when it is none of theirs. */
  zoneOf(name: string): string | undefined;
  /** Records of exactly that name and type. */
  answers(name: string, type: string): PublicAnswer[];
  /** Whether anything stands at the name, so that it is no NXDOMAIN. */
  has(name: string): boolean;
}

const LONGEST_CHAIN = 8;

/** Asks whoever serves the name, and follows aliases, as a recursive resolver does. */
export function answerOf(
  served: readonly PublicZones[],
  name: string,
  type: string,
): { rcode: 'NOERROR' | 'NXDOMAIN'; answers: PublicAnswer[] } {
  const answers: PublicAnswer[] = [];
  let at = name.toLowerCase().replace(/\.$/, '');
  for (let links = 0; links < LONGEST_CHAIN; links += 1) {
    const zones = served.find((one) => one.zoneOf(at) !== undefined);
    if (zones === undefined) return { rcode: answers.length > 0 ? 'NOERROR' : 'NXDOMAIN', answers };
    const found = zones.answers(at, type);
    if (found.length > 0) return { rcode: 'NOERROR', answers: [...answers, ...found] };
    const [alias] = type === 'CNAME' ? [] : zones.answers(at, 'CNAME');
    if (alias === undefined) {
      const there = answers.length > 0 || zones.has(at);
      return { rcode: there ? 'NOERROR' : 'NXDOMAIN', answers };
    }
    answers.push(alias);
    at = alias.data.toLowerCase().replace(/\.$/, '');
  }
  return { rcode: 'NOERROR', answers };
}
