import { z } from 'zod';
import { listAt, orUndefined, type DigitalOcean } from '../../src/digitalocean/client.ts';
import type { Registry } from '../../src/digitalocean/registry.ts';

/**
 * A registry bears neither tag nor text. That this made one is remembered by a tag of the account which nothing carries:
 * it names the application, the registry and the second in which it was asked for. It is written before the registry is,
 * so that no kill in between loses it, and it is believed only of a registry which came into being then.
 */
export interface RegistryMark {
  /** `heroku-to-digitalocean:shop:registry:acme:1796243400` */
  tag: string;
  registry: string;
  at: Date;
}

/** How far the making may lie from what the tag says: an answer's time limit, and clocks that differ. */
const NEAR_MS = 5 * 60_000;

export function markOf(application: string, registry: string, at: Date): RegistryMark {
  const second = Math.floor(at.getTime() / 1000);
  return {
    tag: `heroku-to-digitalocean:${application}:registry:${registry}:${second}`,
    registry,
    at: new Date(second * 1000),
  };
}

export function isMadeHere(registry: Registry, marks: readonly RegistryMark[]): boolean {
  return marks.some(
    (mark) =>
      mark.registry === registry.name &&
      Math.abs(registry.createdAt.getTime() - mark.at.getTime()) <= NEAR_MS,
  );
}

/** What this has noted of registries for the application. Reads only. */
export async function readMarks(client: DigitalOcean, application: string): Promise<RegistryMark[]> {
  const tags = await listAt(client, '/tags', 'tags', z.object({ name: z.string() }));
  const own = new RegExp(`^heroku-to-digitalocean:${application}:registry:([a-z0-9-]+):([0-9]{10})$`, 'u');
  return tags.flatMap(({ name }) => {
    const [, registry, second] = own.exec(name) ?? [];
    return registry === undefined ? [] : [{ tag: name, registry, at: new Date(Number(second) * 1000) }];
  });
}

export async function hasTag(client: DigitalOcean, name: string): Promise<boolean> {
  const path = `/tags/${encodeURIComponent(name)}`;
  return (await orUndefined(() => client.request('GET', path, z.unknown()))) !== undefined;
}

export async function writeTag(client: DigitalOcean, name: string): Promise<void> {
  await client.request('POST', '/tags', z.unknown(), { name });
}

export async function removeTag(client: DigitalOcean, name: string): Promise<void> {
  await orUndefined(() => client.request('DELETE', `/tags/${encodeURIComponent(name)}`, z.unknown()));
}

/**
 * The tag with which an image is pushed beside its commit, another one at each push, so that none loses it to a later one:
 * `heroku-to-digitalocean.shop.20261202T203000Z`. Images are the application's: environments that run one commit share one.
 */
export function imageMark(application: string, at: Date): string {
  return `heroku-to-digitalocean.${application}.${at.toISOString().replaceAll(/[-:]|\.[0-9]+/gu, '')}`;
}

/** Whether the image bears our mark, and no tag but that and its commit: then nobody else has laid a hand on it. */
export function ownImage(tags: readonly string[], application: string): 'own' | 'shared' | 'foreign' {
  const mark = new RegExp(`^heroku-to-digitalocean\\.${application}\\.[0-9]{8}T[0-9]{6}Z$`, 'u');
  if (!tags.some((tag) => mark.test(tag))) return 'foreign';
  return tags.every((tag) => mark.test(tag) || /^[0-9a-f]{40}$/u.test(tag)) ? 'own' : 'shared';
}
