import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import * as tls from 'node:tls';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { problemAtEdge, refuseUncertified } from '../../actions/cutover/edge-certificate.ts';
import type { Parties } from '../../actions/parties.ts';
import { createAuthority, type Authority, type Certificate } from '../../rehearsal/servers/certificates.ts';
import type { Clock } from '../../src/clock.ts';
import { recordingLog } from '../postgres/two-sides.ts';

// The edge as a visitor of a name meets it, behind a proxy as a company's runner has one.

const EDGE = 'shop-new.ondigitalocean.app';
const SHOP = 'shop.example.com';

let authority: Authority;
let edge: tls.Server;
let proxy: Server;
/** What the edge shows for each name; nothing at all for the others. */
let shown: Map<string, Certificate>;
let asked: string[];
let behind: string | undefined;
const sockets = new Set<Socket>();

beforeAll(async () => {
  authority = await createAuthority('Test authority');
  tls.setDefaultCACertificates([...tls.getCACertificates(), authority.pem]);
  edge = tls
    .createServer({
      SNICallback: (name, answer) => {
        const certificate = shown.get(name);
        if (certificate === undefined) return answer(new Error('no certificate'));
        answer(null, tls.createSecureContext({ key: certificate.key, cert: certificate.certificate }));
      },
    })
    .listen(0, '127.0.0.1');
  edge.on('tlsClientError', () => undefined);
  proxy = createServer().listen(0, '127.0.0.1');
  proxy.on('connect', (request, socket: Socket, head: Buffer) => {
    asked.push(request.url ?? '');
    const { port } = edge.address() as AddressInfo;
    const onward = connect(port, '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
      onward.write(head);
      socket.pipe(onward).pipe(socket);
    });
    for (const one of [socket, onward]) {
      sockets.add(one);
      one.on('error', () => one.destroy());
    }
  });
  await Promise.all([once(edge, 'listening'), once(proxy, 'listening')]);
});

afterAll(() => {
  for (const socket of sockets) socket.destroy();
  edge.close();
  proxy.close();
});

beforeEach(() => {
  behind = process.env['https_proxy'];
  process.env['https_proxy'] = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
  shown = new Map();
  asked = [];
});

afterEach(() => {
  if (behind === undefined) delete process.env['https_proxy'];
  else process.env['https_proxy'] = behind;
});

test('a name is certified when its own certificate, valid and of a known authority, is shown; DNS is not asked', async () => {
  expect(await problemAtEdge(EDGE, SHOP)).toBeDefined();

  shown.set(SHOP, await authority.issue(['other.example.com']));
  expect(await problemAtEdge(EDGE, SHOP)).toMatch(/does not match|altnames/i);

  shown.set(SHOP, await authority.issue([SHOP], new Date(Date.now() - 1000)));
  expect(await problemAtEdge(EDGE, SHOP)).toMatch(/expired/);

  shown.set(SHOP, await (await createAuthority('Somebody')).issue([SHOP]));
  expect(await problemAtEdge(EDGE, SHOP)).toMatch(/certificate/);

  shown.set(SHOP, await authority.issue([SHOP]));
  expect(await problemAtEdge(EDGE, SHOP)).toBeUndefined();
  expect(new Set(asked)).toEqual(new Set([`${EDGE}:443`]));
});

/** Its seconds pass at once; `at` is done when so many of them have. */
function playedClock(at: Record<number, () => void> = {}): Clock {
  let seconds = 0;
  return {
    now: () => new Date(seconds * 1000),
    sleep: (milliseconds) => {
      seconds += milliseconds / 1000;
      at[seconds]?.();
      return Promise.resolve();
    },
  };
}

const parties = (clock: Clock, log = recordingLog()): Parties =>
  ({ newSide: { ingressHost: () => Promise.resolve(EDGE) }, clock, log }) as unknown as Parties;
const { signal } = new AbortController();

test('the name waits for its certificate, says so once, and goes on', async () => {
  const certificate = await authority.issue([SHOP]);
  const log = recordingLog();
  const clock = playedClock({ 20: () => shown.set(SHOP, certificate) });
  await refuseUncertified(parties(clock, log), SHOP, signal);
  expect(clock.now().getTime()).toBe(20_000);
  expect(log.lines.filter((line) => line.includes(`Waiting for the certificate of ${SHOP}`))).toHaveLength(1);
});

test('after five minutes the name stays where it is, and it is said who serves and what to do', async () => {
  const clock = playedClock();
  await expect(refuseUncertified(parties(clock), SHOP, signal)).rejects.toThrow(
    /no valid certificate for shop\.example\.com .*its record was not changed.*through the forwarder on Heroku\. Run this job again/,
  );
  expect(clock.now().getTime()).toBeGreaterThan(5 * 60_000);
  expect(clock.now().getTime()).toBeLessThanOrEqual(5 * 60_000 + 5_000);
});
