import { createSocket } from 'node:dgram';

import packet, { type Answer, type Packet, type RecordType } from 'dns-packet';

import { answerOf, type PublicAnswer, type PublicZones } from './answers.ts';

export interface ResolverOptions {
  /** Who serves what; the first that has the zone is asked. */
  served: readonly PublicZones[];
  /** How long a second of a TTL lasts in the cache. */
  ttlSecondMs: number;
}

/** What the resolver is told to do wrong, or to know of a zone. */
export interface ResolverKnobs {
  /** It says nothing. */
  silent: boolean;
  /** Names (and all below them) that it refuses to resolve, as one that checks signatures does. */
  broken: Set<string>;
  /** Zones with a DS at their parent. */
  signed: Set<string>;
  /** CAA records by name, such as `0 issue "pki.goog"`: not every played company has them. */
  authorities: Map<string, string[]>;
}

export interface PlayedResolver {
  /** `127.0.0.1:5353` */
  address: string;
  knobs: ResolverKnobs;
  /** Forgets what it knows. */
  flush(): void;
  stop(): Promise<void>;
}

interface Kept {
  rcode: 'NOERROR' | 'NXDOMAIN';
  answers: PublicAnswer[];
  until: number;
}

/** How long an empty answer is kept: the least of a zone's SOA. */
const NEGATIVE_TTL = 5;

/** A public resolver as 1.1.1.1 is one: UDP, recursive, and it keeps answers for as long as they allow. */
export async function startResolver({ served, ttlSecondMs }: ResolverOptions): Promise<PlayedResolver> {
  const knobs: ResolverKnobs = {
    silent: false,
    broken: new Set(),
    signed: new Set(),
    authorities: new Map(),
  };
  const cache = new Map<string, Kept>();
  const look = (name: string, type: string): Omit<Kept, 'until'> => {
    const key = `${type} ${name}`;
    const known = cache.get(key);
    if (known !== undefined && known.until > Date.now()) return known;
    const found = answerOf(served, name, type);
    const ttl = Math.min(
      ...found.answers.map((one) => one.ttl),
      found.answers.length === 0 ? NEGATIVE_TTL : 86_400,
    );
    cache.set(key, { ...found, until: Date.now() + ttl * ttlSecondMs });
    return found;
  };

  const socket = createSocket('udp4');
  socket.on('message', (message, { address, port }) => {
    if (knobs.silent) return;
    const query = packet.decode(message);
    const [question] = query.questions ?? [];
    if (question === undefined) return;
    const name = question.name.toLowerCase().replace(/\.$/, '');
    const reply = (rcode: number, answers: Answer[]): void => {
      const response: Packet = {
        type: 'response',
        id: query.id ?? 0,
        flags: packet.RECURSION_DESIRED | packet.RECURSION_AVAILABLE | rcode,
        questions: [question],
        answers,
      };
      socket.send(packet.encode(response), port, address);
    };
    if ([...knobs.broken].some((zone) => name === zone || name.endsWith(`.${zone}`))) {
      reply(SERVFAIL, []);
      return;
    }
    if (question.type === 'DS') {
      reply(0, knobs.signed.has(name) ? [delegationSigner(name)] : []);
      return;
    }
    const own = question.type === 'CAA' ? knobs.authorities.get(name) : undefined;
    const { rcode, answers } =
      own === undefined
        ? look(name, question.type)
        : { rcode: 'NOERROR' as const, answers: own.map((data) => ({ name, type: 'CAA', ttl: 300, data })) };
    reply(rcode === 'NXDOMAIN' ? NXDOMAIN : 0, answers.flatMap(asAnswer));
  });
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject);
    socket.bind(0, '127.0.0.1', resolve);
  });
  return {
    address: `127.0.0.1:${socket.address().port}`,
    knobs,
    flush: () => cache.clear(),
    stop: () => new Promise((resolve) => socket.close(() => resolve())),
  };
}

const SERVFAIL = 2;
const NXDOMAIN = 3;

function delegationSigner(name: string): Answer {
  const digest = Buffer.alloc(32, 7);
  return { type: 'DS', name, ttl: 3600, data: { keyTag: 12_345, algorithm: 13, digestType: 2, digest } };
}

function asAnswer({ name, type, ttl, data }: PublicAnswer): Answer[] {
  const plain = data.replace(/\.$/, '');
  switch (type) {
    case 'A':
    case 'AAAA':
    case 'CNAME':
    case 'NS':
      return [{ type, name, ttl, data: plain }];
    case 'TXT':
      return [{ type, name, ttl, data: data.replace(/^"(.*)"$/s, '$1') }];
    case 'SOA':
      return [
        {
          type,
          name,
          ttl,
          data: {
            mname: plain,
            rname: `hostmaster.${name}`,
            serial: 1,
            refresh: 3600,
            retry: 600,
            expire: 86_400,
            minimum: 5,
          },
        },
      ];
    case 'CAA': {
      const [, flags = '0', tag = 'issue', value = ''] = /^(\d+)\s+(\w+)\s+"(.*)"$/.exec(data) ?? [];
      return [{ type, name, ttl, data: { flags: Number(flags), tag: tag as 'issue', value } }];
    }
    default:
      return [];
  }
}

export type { RecordType };
