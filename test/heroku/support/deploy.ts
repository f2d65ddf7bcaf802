import { z } from 'zod';
import type { HerokuClient } from '../../../src/heroku/client.ts';
import { emptySlugArchive } from '../../../src/heroku/empty-slug.ts';

/** Releases new code, as a push would; the version of its release. What is uploaded is not unpacked. */
export async function deployNewCode(
  heroku: HerokuClient,
  app: string,
  processTypes: Record<string, string> = { web: 'sleep infinity', worker: 'sleep infinity' },
): Promise<number> {
  const slug = await heroku.post(
    `/apps/${app}/slugs`,
    { process_types: processTypes, commit: '1f2e3d4c' },
    z.object({ id: z.string(), blob: z.object({ url: z.string() }) }),
  );
  const stored = await fetch(slug.blob.url, { method: 'PUT', body: new Uint8Array(emptySlugArchive()) });
  if (!stored.ok) throw new Error(`The played object store answered with HTTP ${stored.status}.`);
  const body = { slug: slug.id, description: 'Deploy 1f2e3d4c' };
  const release = await heroku.post(`/apps/${app}/releases`, body, z.object({ version: z.number() }));
  return release.version;
}
