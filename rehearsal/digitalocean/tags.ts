import { z } from 'zod';
import { notFound, parseBody, unprocessable } from './api/error.ts';
import { page } from './api/page.ts';
import { created, noContent, ok, param, type Route } from './api/route.ts';

const nameSchema = z
  .string()
  .regex(/^[a-zA-Z0-9_\-:]{1,255}$/, 'can only contain letters, numbers, colons, dashes, and underscores');

/** Anything that can carry tags. */
export interface Tagged {
  tags: Set<string>;
  /** For `last_tagged_uri`. */
  uri: string;
}

/** The account's tags. They come into being with the first resource that names them. */
export class Tags {
  readonly #names = new Set<string>();
  readonly #kinds: { kind: 'droplets' | 'databases'; list: () => readonly Tagged[] }[] = [];

  /** Tells where to look for tagged resources of a kind. */
  count(kind: 'droplets' | 'databases', list: () => readonly Tagged[]): void {
    this.#kinds.push({ kind, list });
  }

  /** Checks and remembers the tags of a new resource. */
  use(names: readonly string[] | null | undefined): Set<string> {
    const checked = (names ?? []).map((name) => {
      if (!nameSchema.safeParse(name).success) throw unprocessable(`Tag name ${name} is invalid`);
      this.#names.add(name);
      return name;
    });
    return new Set(checked);
  }

  routes(droplet: (id: string) => Tagged | undefined): Route[] {
    const existing = (name: string): string => {
      if (!this.#names.has(name)) throw notFound();
      return name;
    };
    const tagged = (body: unknown): Tagged[] =>
      parseBody(resourcesSchema, body).resources.map(({ resource_id: id, resource_type: type }) => {
        const found = type === 'droplet' ? droplet(String(id)) : undefined;
        if (found === undefined) throw notFound();
        return found;
      });
    return [
      {
        method: 'GET',
        path: '/v2/tags',
        scope: 'tag:read',
        handle: (call) =>
          page(
            call,
            'tags',
            [...this.#names].map((name) => this.#show(name)),
          ),
      },
      {
        method: 'POST',
        path: '/v2/tags',
        scope: 'tag:create',
        handle: (call) => {
          const { name } = parseBody(z.object({ name: nameSchema }), call.body);
          this.#names.add(name);
          return created({ tag: this.#show(name) });
        },
      },
      {
        method: 'GET',
        path: '/v2/tags/:tag',
        scope: 'tag:read',
        handle: (call) => ok({ tag: this.#show(existing(param(call, 'tag'))) }),
      },
      {
        method: 'DELETE',
        path: '/v2/tags/:tag',
        scope: 'tag:delete',
        handle: (call) => {
          const name = existing(param(call, 'tag'));
          for (const { list } of this.#kinds) for (const one of list()) one.tags.delete(name);
          this.#names.delete(name);
          return noContent;
        },
      },
      {
        method: 'POST',
        path: '/v2/tags/:tag/resources',
        scope: 'tag:create',
        handle: (call) => {
          const name = existing(param(call, 'tag'));
          for (const one of tagged(call.body)) one.tags.add(name);
          return noContent;
        },
      },
      {
        method: 'DELETE',
        path: '/v2/tags/:tag/resources',
        scope: 'tag:delete',
        handle: (call) => {
          const name = existing(param(call, 'tag'));
          for (const one of tagged(call.body)) one.tags.delete(name);
          return noContent;
        },
      },
    ];
  }

  #show(name: string): object {
    const counts = this.#kinds.map(({ kind, list }) => {
      const found = list().filter((one) => one.tags.has(name));
      const last = found.at(-1);
      return [kind, { count: found.length, ...(last ? { last_tagged_uri: last.uri } : {}) }] as const;
    });
    const total = counts.reduce((sum, [, { count }]) => sum + count, 0);
    return { name, resources: { count: total, ...Object.fromEntries(counts) } };
  }
}

const resourcesSchema = z.object({
  resources: z.array(z.object({ resource_id: z.union([z.string(), z.number()]), resource_type: z.string() })),
});
