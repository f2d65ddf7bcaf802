import type { lookup, LookupAddress } from 'node:dns';
import { expect, jest, test } from '@jest/globals';
import { rememberedLookup } from '../../src/front-door/program/remembered-lookup.ts';

/** A name server that says what it is told to, and counts. */
function nameServer(): { look: typeof lookup; says: (answer: string | Error) => void; asked: () => number } {
  let answer: string | Error = '192.0.2.1';
  let asked = 0;
  const look = (
    _name: string,
    _options: object,
    done: (error: Error | null, addresses: LookupAddress[]) => void,
  ): void => {
    asked += 1;
    const now = answer;
    setTimeout(() => {
      if (typeof now === 'string') done(null, [{ address: now, family: 4 }]);
      else done(now, []);
    }, 10);
  };
  return { look: look as unknown as typeof lookup, says: (next) => (answer = next), asked: () => asked };
}

const resolved = (look: ReturnType<typeof rememberedLookup>): Promise<unknown> =>
  new Promise((resolve, reject) => {
    look('shop.example.com', { all: true }, (error, addresses) => {
      if (error === null) resolve((addresses as LookupAddress[])[0]?.address);
      else reject(error);
    });
  });

test('a burst asks once, the next seconds not at all; later it is asked again, and an answer that fails changes nothing', async () => {
  const server = nameServer();
  const look = rememberedLookup(server.look);
  const now = jest.spyOn(performance, 'now').mockReturnValue(1_000);
  expect(await Promise.all([resolved(look), resolved(look)])).toEqual(['192.0.2.1', '192.0.2.1']);
  server.says('192.0.2.2');
  expect(await resolved(look)).toBe('192.0.2.1');
  expect(server.asked()).toBe(1);
  now.mockReturnValue(7_000);
  expect(await resolved(look)).toBe('192.0.2.2');
  server.says(new Error('SERVFAIL'));
  now.mockReturnValue(13_000);
  expect(await resolved(look)).toBe('192.0.2.2');
  expect(server.asked()).toBe(3);
  now.mockRestore();
});

test('a first answer that fails is an error, and not remembered', async () => {
  const server = nameServer();
  const look = rememberedLookup(server.look);
  server.says(new Error('SERVFAIL'));
  await expect(resolved(look)).rejects.toThrow('SERVFAIL');
  server.says('192.0.2.1');
  expect(await resolved(look)).toBe('192.0.2.1');
});
