import type { Platform } from '../platform.ts';
import { notFound } from './refusal.ts';
import { change, read, type Route } from './route.ts';

/** Sources: where an archive of code is put before it is built. Addresses are their own secret, as those of S3. */
export const sourceRoutes: Route[] = [
  change(
    'POST',
    '/sources',
    ({ platform }) => {
      const id = platform.ids.uuid();
      platform.sources.set(id, null);
      return {
        source_blob: {
          get_url: `${platform.baseUrl}/source-blobs/${id}`,
          put_url: `${platform.baseUrl}/source-blobs/${id}`,
        },
      };
    },
    { status: 201 },
  ),
  {
    method: 'PUT',
    path: '/source-blobs/:source',
    dialect: 'open',
    need: 'public',
    handle: ({ platform, params, bytes }) => {
      if (!platform.sources.has(params['source'] ?? '')) throw notFound('source');
      platform.sources.set(params['source'] ?? '', bytes);
      return { body: '' };
    },
  },
  // The build takes the archive from the platform itself; nobody else has a reason to ask.
  read('/source-blobs/:source', () => '', { dialect: 'open' }),
];

/** What was uploaded to the address that `POST /sources` gave; undefined when it is another's, or nothing was. */
export function sourceAt(platform: Platform, url: string): Buffer | undefined {
  const id = URL.parse(url)?.pathname.split('/').at(-1) ?? '';
  return platform.sources.get(id) ?? undefined;
}
