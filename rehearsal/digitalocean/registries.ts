import { z } from 'zod';
import { ApiError, conflict, notFound, parseBody } from './api/error.ts';
import { page } from './api/page.ts';
import { created, noContent, ok, param, type Route } from './api/route.ts';
import { timestamp } from './platform.ts';
import type { PlayedLatencies } from './played.ts';

type TierSlug = PlayedLatencies['registries']['tier'];

interface Registry {
  name: string;
  region: string;
  createdAt: string;
  /** Tags by digest, by repository. */
  repositories: Map<string, Map<string, Set<string>>>;
}

/** A registry as a test looks at it. */
export interface RegistryView {
  name: string;
  repositories: Record<string, { digest: string; tags: string[] }[]>;
}

/** Container Registry's pricing page, 2026-09. */
const TIERS = {
  starter: tier('starter', 0, 1, 0.5),
  basic: tier('basic', 500, 5, 5),
  professional: tier('professional', 2000, 0, 100),
};
const REGIONS = ['nyc3', 'sfo3', 'sfo2', 'ams3', 'sgp1', 'fra1', 'blr1', 'syd1'] as const;
const nameSchema = z.string().regex(/^[a-z0-9-]{1,63}$/, 'must be lowercase letters, numbers and dashes');
const wantedSchema = z.object({
  name: nameSchema,
  subscription_tier_slug: z.enum(['starter', 'basic', 'professional']),
  region: z.enum(REGIONS).optional(),
});

/** The account's container registries, which share one subscription, with what was pushed into them. */
export class Registries {
  readonly #played: PlayedLatencies;
  readonly #list: Registry[];
  #tier: TierSlug;

  constructor(played: PlayedLatencies) {
    this.#played = played;
    this.#tier = played.registries.tier;
    this.#list = played.registries.names.map((name) => registryOf(name, 'fra1', '2026-01-05T09:12:44Z'));
  }

  /** Puts others in the place of those that are there: what somebody did by hand. */
  replace(names: readonly string[], tier: TierSlug): void {
    this.#tier = tier;
    const kept = names.map(
      (name) => this.#list.find((one) => one.name === name) ?? registryOf(name, 'fra1', timestamp()),
    );
    this.#list.splice(0, this.#list.length, ...kept);
  }

  /** What `docker push` does: without the registry, or beyond its tier, nothing can be pushed. A tag moves to the newest. */
  push(references: readonly string[], digest: string): void {
    for (const reference of references) {
      const [, registry, repository = '', tag = ''] =
        /^registry\.digitalocean\.com\/([^/]+)\/(.+):([\w][\w.-]{0,127})$/u.exec(reference) ?? [];
      if (registry === undefined) continue;
      const found = this.#list.find(({ name }) => name === registry);
      if (found === undefined) throw new Error(`denied: registry ${registry} does not exist`);
      const most = TIERS[this.#tier].included_repositories;
      if (!found.repositories.has(repository) && most > 0 && found.repositories.size >= most)
        throw new Error('denied: registry contains more repositories than its subscription allows');
      const images = found.repositories.get(repository) ?? new Map<string, Set<string>>();
      for (const tags of images.values()) tags.delete(tag);
      images.set(digest, (images.get(digest) ?? new Set()).add(tag));
      found.repositories.set(repository, images);
    }
  }

  view(): RegistryView[] {
    return this.#list.map(({ name, repositories }) => ({
      name,
      repositories: Object.fromEntries(
        [...repositories].map(([repository, images]) => [
          repository,
          [...images].map(([digest, tags]) => ({ digest, tags: [...tags] })),
        ]),
      ),
    }));
  }

  routes(): Route[] {
    return [...this.#accountRoutes(), ...this.#registryRoutes(), ...this.#repositoryRoutes()];
  }

  #accountRoutes(): Route[] {
    return [
      {
        method: 'GET',
        path: '/v2/registries/options',
        scope: 'registry:read',
        handle: () =>
          ok({
            options: {
              available_regions: REGIONS,
              subscription_tiers: Object.values(TIERS).map((one) => ({ ...one, eligible: true })),
            },
          }),
      },
      {
        method: 'GET',
        path: '/v2/registries/subscription',
        scope: 'registry:read',
        handle: () => {
          if (this.#list.length === 0) throw notFound();
          const [{ createdAt } = { createdAt: timestamp() }] = this.#list;
          const times = { created_at: createdAt, updated_at: createdAt };
          return ok({ subscription: { tier: TIERS[this.#tier], ...times } });
        },
      },
      {
        method: 'POST',
        path: '/v2/registries/validate-name',
        scope: 'registry:create',
        handle: (call) => {
          const { name } = parseBody(z.object({ name: nameSchema }), call.body);
          if (this.#isTaken(name)) throw conflict('The request could not be completed due to a conflict.');
          return noContent;
        },
      },
    ];
  }

  #registryRoutes(): Route[] {
    return [
      {
        method: 'GET',
        path: '/v2/registries',
        scope: 'registry:read',
        handle: () => ok({ registries: this.#list.map(show) }),
      },
      {
        method: 'POST',
        path: '/v2/registries',
        scope: 'registry:create',
        handle: (call) => {
          const { name, subscription_tier_slug: slug, region } = parseBody(wantedSchema, call.body);
          if (this.#isTaken(name)) throw conflict('name already exists');
          // Nine more than the first, and with the largest tier only (OpenAPI description, "Container Registries").
          if (this.#list.length > 0 && this.#tier !== 'professional') throw overLimit();
          if (this.#list.length === 0) this.#tier = slug;
          const made = registryOf(name, region ?? 'nyc3', timestamp());
          this.#list.push(made);
          return created({ registry: show(made) });
        },
      },
      {
        method: 'GET',
        path: '/v2/registries/:registry',
        scope: 'registry:read',
        handle: (call) => ok({ registry: show(this.#find(param(call, 'registry'))) }),
      },
      {
        method: 'DELETE',
        path: '/v2/registries/:registry',
        scope: 'registry:delete',
        handle: (call) => {
          this.#list.splice(this.#list.indexOf(this.#find(param(call, 'registry'))), 1);
          return noContent;
        },
      },
    ];
  }

  #repositoryRoutes(): Route[] {
    const base = '/v2/registries/:registry/repositories';
    return [
      {
        method: 'GET',
        path: `${base}V2`,
        scope: 'registry:read',
        handle: (call) => {
          const { name: registry_name, repositories } = this.#find(param(call, 'registry'));
          const shown = [...repositories].map(([name, images]) => {
            const tags = [...images.values()].reduce((sum, set) => sum + set.size, 0);
            return { registry_name, name, tag_count: tags, manifest_count: images.size };
          });
          return page(call, 'repositories', shown);
        },
      },
      {
        method: 'GET',
        path: `${base}/:repository/digests`,
        scope: 'registry:read',
        handle: (call) => {
          const repository = param(call, 'repository');
          const { name: registry_name } = this.#find(param(call, 'registry'));
          const shown = [...this.#images(param(call, 'registry'), repository)].map(([digest, tags]) => ({
            ...{ registry_name, repository, digest, tags: [...tags] },
            ...{
              compressed_size_bytes: 1_972_332,
              size_bytes: 2_816_445,
              updated_at: timestamp(),
              blobs: [],
            },
          }));
          return page(call, 'manifests', shown);
        },
      },
      {
        method: 'DELETE',
        path: `${base}/:repository/digests/:digest`,
        scope: 'registry:delete',
        handle: (call) => {
          if (!this.#images(param(call, 'registry'), param(call, 'repository')).delete(param(call, 'digest')))
            throw notFound();
          return noContent;
        },
      },
      {
        method: 'DELETE',
        path: `${base}/:repository`,
        scope: 'registry:delete',
        handle: (call) => {
          const { repositories } = this.#find(param(call, 'registry'));
          if (!repositories.delete(param(call, 'repository'))) throw notFound();
          return noContent;
        },
      },
    ];
  }

  #isTaken(name: string): boolean {
    return (
      this.#played.registries.namesOfOthers.includes(name) || this.#list.some((one) => one.name === name)
    );
  }

  #find(name: string): Registry {
    const found = this.#list.find((one) => one.name === name);
    if (found === undefined) throw notFound();
    return found;
  }

  #images(registry: string, repository: string): Map<string, Set<string>> {
    const images = this.#find(registry).repositories.get(repository);
    if (images === undefined) throw notFound();
    return images;
  }
}

function registryOf(name: string, region: string, createdAt: string): Registry {
  return { name, region, createdAt, repositories: new Map() };
}

function overLimit(): ApiError {
  return new ApiError(
    412,
    'precondition_failed',
    'registry is not eligible for tier because: [OverRegistryLimit]',
  );
}

function show({ name, region, createdAt }: Registry): object {
  return { name, region, storage_usage_bytes: 0, created_at: createdAt };
}

function tier(
  slug: string,
  cents: number,
  repositories: number,
  storageGib: number,
): { included_repositories: number } {
  return {
    ...{ name: slug.replace(/^./u, (first) => first.toUpperCase()), slug },
    included_repositories: repositories,
    ...{
      included_storage_bytes: storageGib * 1024 ** 3,
      allow_storage_overage: slug !== 'starter',
      included_bandwidth_bytes: storageGib * 1024 ** 3,
      monthly_price_in_cents: cents,
      storage_overage_price_in_cents: 2,
    },
  };
}
