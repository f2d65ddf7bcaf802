import { z } from 'zod';
import { listApps, type App } from '../../src/digitalocean/app.ts';
import {
  deleteImage,
  deleteRepository,
  listImages,
  listRepositories,
  type RegistryImage,
} from '../../src/digitalocean/registry-images.ts';
import {
  deleteRegistry,
  listRegistries,
  readSubscription,
  type Registry,
} from '../../src/digitalocean/registry.ts';
import { ConfigurationError } from '../../src/errors.ts';
import { isOwnApp } from './app-mark.ts';
import { hasTag, isMadeHere, ownImage, readMarks, removeTag, type RegistryMark } from './registry-mark.ts';
import type { Owned, Ownership } from './resource.ts';

/** Whose images: of the application, whose environments share them. */
export interface ImageOwner {
  application: string;
  /** The tags of its other environments, by their names. */
  others: Record<string, string>;
}

/**
 * What this pushed into DigitalOcean's registries for the application, and the registry where this made it and nothing else
 * lies in it; and, in words, what of that stays and why. Reads only.
 */
export async function ownedRegistry(
  ownership: Ownership,
  owner: ImageOwner,
): Promise<{ owned: Owned[]; left: string[] }> {
  const { client } = ownership;
  try {
    const [registries, marks] = await Promise.all([
      listRegistries(client),
      readMarks(client, owner.application),
    ]);
    const claimed = await otherClaims(ownership, owner);
    const using = (await listApps(client)).filter(({ spec }) => !isOwnApp(spec, ownership.names.tag));
    const found = await Promise.all(
      registries.map((registry) => ofRegistry(ownership, owner, registry, { marks, claimed, using })),
    );
    // Of a run that was killed before it made one.
    const stale = marks.filter((mark) => !registries.some((registry) => isMadeHere(registry, [mark])));
    return {
      owned: [...found.flatMap(({ owned }) => owned), ...stale.map((mark) => ownedMark(ownership, mark))],
      left: found.flatMap(({ left }) => left),
    };
  } catch (error) {
    // A token without registry:read: whoever pushes elsewhere needs none.
    if (!(error instanceof ConfigurationError)) throw error;
    return {
      owned: [],
      left: [`what lies in registries of DigitalOcean was not looked at: ${error.message}`],
    };
  }
}

/** The environments that are still there, and may deploy what lies in the registry. */
async function otherClaims({ client }: Ownership, { others }: ImageOwner): Promise<string[]> {
  const found = await Promise.all(
    Object.entries(others).map(async ([name, tag]) => ((await hasTag(client, tag)) ? [name] : [])),
  );
  return found.flat();
}

interface Known {
  marks: readonly RegistryMark[];
  /** Environments that are still there. */
  claimed: readonly string[];
  /** Apps of others. */
  using: readonly App[];
}

async function ofRegistry(
  ownership: Ownership,
  owner: ImageOwner,
  registry: Registry,
  known: Known,
): Promise<{ owned: Owned[]; left: string[] }> {
  const { client } = ownership;
  const { name } = registry;
  const made = isMadeHere(registry, known.marks);
  const repositories = await Promise.all(
    (await listRepositories(client, name)).map((repository) => listImages(client, name, repository)),
  );
  const all = repositories.flat();
  const ours = all.filter(({ tags }) => ownImage(tags, owner.application) !== 'foreign');
  if (known.claimed.length > 0 && (ours.length > 0 || made)) {
    const images = ours.length === 0 ? '' : ` and ${counted(ours.length)} in it`;
    const why = `${known.claimed.join(', ')} may deploy from it: they go with the last environment`;
    return { owned: [], left: [`the registry ${name}${images}: ${why}`] };
  }
  const kept = ours.flatMap((image) => {
    const why = whyKept(image, owner, known.using);
    return why === undefined ? [] : [{ image, why }];
  });
  const going = ours.filter((image) => !kept.some((one) => one.image === image));
  const emptied = repositories.filter(
    (images) => images.length > 0 && images.every((one) => going.includes(one)),
  );
  const empty = going.length === all.length;
  return {
    owned: [
      ...going.map((image) => ownedImage(ownership, owner, image)),
      ...emptied.flatMap(([first]) => (first === undefined ? [] : [ownedRepository(ownership, first)])),
      ...(made && empty ? await ownedRegistryItself(ownership, registry, known.marks) : []),
    ],
    left: [
      ...kept.map(({ image, why }) => `the image ${addressOf(image)}: ${why}`),
      ...(made && !empty
        ? [`the registry ${name}, which this made: ${counted(all.length - going.length)} of others in it`]
        : []),
      ...(!made && going.length > 0
        ? [`the registry ${name}: it was there before, or somebody else made it`]
        : []),
    ],
  };
}

function counted(images: number): string {
  return `${images} ${images === 1 ? 'image' : 'images'}`;
}

function addressOf({ registry, repository, digest }: RegistryImage): string {
  return `registry.digitalocean.com/${registry}/${repository}@${digest.slice(0, 19)}…`;
}

function whyKept(
  image: RegistryImage,
  { application }: ImageOwner,
  using: readonly App[],
): string | undefined {
  const user = using.find(({ spec }) => imagesOf(spec).some((used) => isThat(used, image)));
  if (user !== undefined) return `the app ${user.spec.name} runs it`;
  if (ownImage(image.tags, application) === 'own') return undefined;
  return `somebody gave it tags of their own (${image.tags.join(', ')})`;
}

const usedSchema = z.object({
  registry_type: z.literal('DOCR'),
  registry: z.string().nullish(),
  repository: z.string(),
  tag: z.string().nullish(),
  digest: z.string().nullish(),
});
const sourceSchema = z.object({ image: usedSchema });

/** The images of DigitalOcean's registry that a spec names. */
function imagesOf(spec: Record<string, unknown>): z.infer<typeof usedSchema>[] {
  return ['services', 'workers', 'jobs', 'static_sites', 'functions'].flatMap((list) => {
    const components = z.array(z.unknown()).safeParse(spec[list]).data ?? [];
    return components.flatMap((one) => sourceSchema.safeParse(one).data?.image ?? []);
  });
}

/** Without a digest it is the tag, and without either `latest` (app spec reference). */
function isThat(used: z.infer<typeof usedSchema>, image: RegistryImage): boolean {
  if (used.repository !== image.repository) return false;
  if (used.registry != null && used.registry !== '' && used.registry !== image.registry) return false;
  if (used.digest != null && used.digest !== '') return used.digest === image.digest;
  return image.tags.includes(used.tag == null || used.tag === '' ? 'latest' : used.tag);
}

function ownedImage({ client }: Ownership, { application }: ImageOwner, image: RegistryImage): Owned {
  return {
    kind: 'Image',
    name: `${image.registry}/${image.repository}`,
    id: image.digest,
    mark: `tag heroku-to-digitalocean.${application}`,
    usdPerMonth: 0,
    note: "its room is freed by the registry's next garbage collection",
    destroy: () => deleteImage(client, image),
  };
}

function ownedRepository({ client }: Ownership, { registry, repository }: RegistryImage): Owned {
  const name = `${registry}/${repository}`;
  return {
    kind: 'Image repository',
    name,
    id: name,
    mark: 'nothing else lies in it',
    usdPerMonth: 0,
    destroy: async () => {
      const left = await listImages(client, registry, repository);
      if (left.length > 0) throw pushedMeanwhile(name, left.length);
      await deleteRepository(client, registry, repository);
    },
  };
}

function pushedMeanwhile(name: string, images: number): ConfigurationError {
  return new ConfigurationError(`${counted(images)} came into ${name} meanwhile.`);
}

async function ownedRegistryItself(
  ownership: Ownership,
  { name }: Registry,
  marks: readonly RegistryMark[],
): Promise<Owned[]> {
  const { client } = ownership;
  const own = marks.filter(({ registry }) => registry === name);
  const tier = await readSubscription(client);
  return [
    {
      kind: 'Container registry',
      name,
      id: name,
      mark: own.map(({ tag }) => `tag ${tag}`).join(', '),
      usdPerMonth: tier?.usdPerMonth ?? null,
      destroy: async () => {
        const left = await listRepositories(client, name);
        if (left.length > 0) throw pushedMeanwhile(name, left.length);
        await deleteRegistry(client, name);
      },
    },
    ...own.map((mark) => ownedMark(ownership, mark)),
  ];
}

function ownedMark({ client }: Ownership, { tag }: RegistryMark): Owned {
  return {
    kind: 'Tag',
    name: tag,
    id: tag,
    mark: 'its name',
    usdPerMonth: 0,
    destroy: () => removeTag(client, tag),
  };
}
