import { expect, test } from '@jest/globals';

import { withConnection } from '../../src/postgres/connect.ts';
import { readOfferedExtensions } from '../../src/postgres/offered-extensions.ts';
import { refuseMissingExtensions } from '../../src/postgres/target.ts';
import { twoSides } from './two-sides.ts';

const session = { applicationName: 'h2d test' };
const needing = (...names: string[]): Parameters<typeof refuseMissingExtensions>[1] => ({
  extensions: names.map((name) => ({ name, version: '1.0', schema: 'public' })),
});

test('a server says itself what it offers, and in which version', async () => {
  const { loader } = await twoSides();
  const { major, extensions } = await withConnection(loader, session, readOfferedExtensions);
  expect(major).toBe(15);
  expect(extensions).toMatchObject({ citext: expect.stringMatching(/^1\.\d/), dblink: expect.any(String) });
  expect(extensions).not.toHaveProperty('plv8');
});

test('what the provider’s own list does not permit is not offered, although its files are there', async () => {
  const { loader, onTarget } = await twoSides();
  await onTarget(`ALTER DATABASE ${loader.database} SET extwlist.extensions = '"dblink", postgres_fdw'`);
  const { extensions } = await withConnection(loader, session, readOfferedExtensions);
  // Trusted, on the list, and neither.
  const offered = ['citext', 'dblink', 'xml2'].filter((name) => name in extensions);
  expect(offered).toEqual(['citext', 'dblink']);
  await withConnection(loader, session, async (client) => {
    await expect(refuseMissingExtensions(client, needing('citext', 'xml2'))).rejects.toThrow(
      /: xml2\. Nothing was/,
    );
    await refuseMissingExtensions(client, needing('citext', 'dblink'));
  });
});
