import { z } from 'zod';
import { listAt, orUndefined, type DigitalOcean } from './client.ts';

/** An image in a registry of the account, by the digest of its manifest. */
export interface RegistryImage {
  registry: string;
  repository: string;
  digest: string;
  tags: string[];
}

const repositorySchema = z.object({ name: z.string(), manifest_count: z.number().nullish() });
const manifestSchema = z.object({ digest: z.string(), tags: z.array(z.string()).nullish() });

/** The repositories of a registry in which something lies; none when it has gone. Reads only. */
export async function listRepositories(client: DigitalOcean, registry: string): Promise<string[]> {
  const found = await listed(
    client,
    `/registries/${registry}/repositoriesV2`,
    'repositories',
    repositorySchema,
  );
  return found.filter(({ manifest_count: count }) => (count ?? 1) > 0).map(({ name }) => name);
}

/** Everything that lies in a repository, without a tag too. Reads only. */
export async function listImages(
  client: DigitalOcean,
  registry: string,
  repository: string,
): Promise<RegistryImage[]> {
  const found = await listed(client, `${pathOf(registry, repository)}/digests`, 'manifests', manifestSchema);
  return found.map(({ digest, tags }) => ({ registry, repository, digest, tags: tags ?? [] }));
}

/** Takes an image away with its tags. Its room is freed by the registry's next garbage collection. */
export async function deleteImage(client: DigitalOcean, image: RegistryImage): Promise<void> {
  const path = `${pathOf(image.registry, image.repository)}/digests/${image.digest}`;
  await orUndefined(() => client.request('DELETE', path, z.unknown()));
}

/** Takes a repository away with what lies in it: look first. */
export async function deleteRepository(
  client: DigitalOcean,
  registry: string,
  repository: string,
): Promise<void> {
  await orUndefined(() => client.request('DELETE', pathOf(registry, repository), z.unknown()));
}

/** A repository's name may hold slashes, which must be escaped (API reference, "List All … Manifests"). */
function pathOf(registry: string, repository: string): string {
  return `/registries/${registry}/repositories/${encodeURIComponent(repository)}`;
}

async function listed<T>(client: DigitalOcean, path: string, key: string, item: z.ZodType<T>): Promise<T[]> {
  return (await orUndefined(() => listAt(client, path, key, item))) ?? [];
}
