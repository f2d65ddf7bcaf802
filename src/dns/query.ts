import { createSocket } from 'node:dgram';
import { randomInt } from 'node:crypto';
import { connect, isIPv6 } from 'node:net';

import packet, { type DecodedPacket, type Packet, type RecordType } from 'dns-packet';

/** A resolver's address. */
export interface Resolver {
  host: string;
  port: number;
  /** How long one of three tries may take; two seconds unless given. */
  patienceMs?: number;
}

export interface DnsAnswer {
  /** `NOERROR`, `NXDOMAIN`, `SERVFAIL`, … */
  rcode: string;
  answers: { name: string; type: string; ttl: number; data: unknown }[];
}

/** It did not answer, or with something that is no answer. */
export class NoAnswer extends Error {}

const TRIES = 3;
const PATIENCE_MS = 2000;

/**
 * Asks one resolver one question, over UDP, and over TCP when the answer was too long. Node's own resolver is not used: it
 * knows no DS, and keeps the response code to itself.
 *
 * @throws NoAnswer when it says nothing, three times
 */
export async function ask(
  resolver: Resolver,
  name: string,
  type: RecordType,
  signal?: AbortSignal,
): Promise<DnsAnswer> {
  const query: Packet = {
    type: 'query',
    id: randomInt(1, 65_535),
    flags: packet.RECURSION_DESIRED,
    questions: [{ type, name }],
  };
  let reason = 'nothing';
  for (let attempt = 1; attempt <= TRIES; attempt += 1) {
    signal?.throwIfAborted();
    try {
      const quick = await overUdp(resolver, query);
      const whole = quick.flag_tc ? await overTcp(resolver, query) : quick;
      return understood(whole);
    } catch (error) {
      reason = error instanceof Error ? error.message : 'nothing';
    }
  }
  throw new NoAnswer(`${describeResolver(resolver)} gave no answer about ${name} (${type}): ${reason}`);
}

export function describeResolver({ host, port }: Resolver): string {
  return port === 53 ? host : isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`;
}

function understood(answer: DecodedPacket): DnsAnswer {
  return {
    // The library gives it, its types do not say so.
    rcode: (answer as unknown as { rcode: string }).rcode,
    answers: (answer.answers ?? []).flatMap((one) =>
      'ttl' in one && 'data' in one
        ? [{ name: plainName(one.name), type: one.type, ttl: one.ttl ?? 0, data: one.data }]
        : [],
    ),
  };
}

function plainName(name: string): string {
  return name.toLowerCase().replace(/\.$/, '');
}

/** Whether it is the answer to this very question: anybody may send to our port. */
function isFor(answer: DecodedPacket, query: Packet): boolean {
  const [asked] = query.questions ?? [];
  const [echoed] = answer.questions ?? [];
  return (
    answer.type === 'response' &&
    answer.id === query.id &&
    asked !== undefined &&
    echoed !== undefined &&
    echoed.type === asked.type &&
    plainName(echoed.name) === plainName(asked.name)
  );
}

function overUdp({ host, port, patienceMs = PATIENCE_MS }: Resolver, query: Packet): Promise<DecodedPacket> {
  return new Promise((resolve, reject) => {
    const socket = createSocket(isIPv6(host) ? 'udp6' : 'udp4');
    const timer = setTimeout(() => end(new Error(`nothing within ${patienceMs / 1000} s`)), patienceMs);
    const end = (outcome: Error | DecodedPacket): void => {
      clearTimeout(timer);
      socket.close();
      if (outcome instanceof Error) reject(outcome);
      else resolve(outcome);
    };
    socket.once('error', (error) => end(error));
    socket.on('message', (message) => {
      try {
        const answer = packet.decode(message);
        if (isFor(answer, query)) end(answer);
      } catch {
        // Not a DNS message: whoever sent it, the answer may still come.
      }
    });
    // Connected: the system drops what comes from elsewhere.
    socket.connect(port, host, () => socket.send(packet.encode(query)));
  });
}

function overTcp({ host, port, patienceMs = PATIENCE_MS }: Resolver, query: Packet): Promise<DecodedPacket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port });
    const parts: Buffer[] = [];
    socket.setTimeout(patienceMs, () => socket.destroy(new Error(`nothing within ${patienceMs / 1000} s`)));
    socket.once('error', reject);
    socket.once('close', () => reject(new Error('the connection was closed')));
    socket.once('connect', () => socket.write(packet.streamEncode(query)));
    socket.on('data', (part) => {
      parts.push(part);
      const received = Buffer.concat(parts);
      if (received.length < 2 || received.length < 2 + received.readUInt16BE(0)) return;
      try {
        const answer = packet.streamDecode(received) as DecodedPacket;
        if (isFor(answer, query)) resolve(answer);
        else reject(new Error('an answer to another question'));
      } catch (error) {
        reject(error instanceof Error ? error : new Error('an answer that cannot be read'));
      }
      socket.destroy();
    });
  });
}
