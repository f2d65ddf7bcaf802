import { z } from 'zod';
import { notFound, parseBody, unprocessable } from '../api/error.ts';
import { page } from '../api/page.ts';
import { accepted, created, noContent, ok, param, type Call, type Route } from '../api/route.ts';
import { datacentres, dropletSizes } from '../catalogue.ts';
import type { Neighbours } from '../clusters/clusters.ts';
import { counter } from '../dns.ts';
import { timestamp, type Platform } from '../platform.ts';
import { bootRedis, powerOff, powerOn, stopRedis } from './boot.ts';
import { showDroplet, urnOf, type Droplet } from './droplet.ts';
import type { Firewalls } from './firewalls.ts';
import { loopbackAddress } from './loopback.ts';

/** API reference, "Create a New Droplet": user_data is at most 64 KiB. */
const LARGEST_USER_DATA = 65_536;

const createSchema = z.object({
  name: z.string().regex(/^[a-zA-Z0-9]?[a-z0-9A-Z.-]*[a-z0-9A-Z]$/),
  region: z.string(),
  size: z.string(),
  image: z.union([z.string(), z.number()]),
  ssh_keys: z.array(z.union([z.string(), z.number()])).nullish(),
  backups: z.boolean().nullish(),
  backup_policy: z
    .object({
      plan: z.enum(['daily', 'weekly']),
      weekday: z.enum(['SUN', 'MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT']).optional(),
      hour: z.union([0, 4, 8, 12, 16, 20].map((hour) => z.literal(hour))).optional(),
    })
    .nullish(),
  ipv6: z.boolean().nullish(),
  monitoring: z.boolean().nullish(),
  tags: z.array(z.string()).nullish(),
  user_data: z.string().nullish(),
  vpc_uuid: z.string().nullish(),
  with_droplet_agent: z.boolean().nullish(),
});

interface Action {
  id: number;
  type: string;
  status: 'in-progress' | 'completed' | 'errored';
  startedAt: string;
  completedAt: string | null;
  dropletId: number;
  region: string;
}

/** All droplets, from creation to deletion. */
export class Droplets {
  readonly #droplets = new Map<number, Droplet>();
  readonly #actions: Action[] = [];
  readonly #nextDroplet = counter(3_164_444);
  readonly #nextAction = counter(36_804_636);
  readonly #platform: Platform;
  readonly #firewalls: Firewalls;
  readonly #neighbours: Neighbours;

  constructor(platform: Platform, firewalls: Firewalls, neighbours: Neighbours) {
    this.#platform = platform;
    this.#firewalls = firewalls;
    this.#neighbours = neighbours;
    neighbours.tags.count('droplets', () => this.list());
    neighbours.vpcs.countMembers((vpcId) =>
      this.list()
        .filter(({ vpc }) => vpc.id === vpcId)
        .map((droplet) => ({ name: droplet.name, urn: urnOf(droplet), created_at: droplet.createdAt })),
    );
  }

  list(): Droplet[] {
    return [...this.#droplets.values()];
  }

  find(id: string): Droplet | undefined {
    return this.#droplets.get(Number(id));
  }

  async stop(): Promise<void> {
    await Promise.all(this.list().map(stopRedis));
  }

  routes(): Route[] {
    const existing = (call: Call): Droplet => {
      const droplet = this.find(param(call, 'id'));
      if (droplet === undefined) throw notFound();
      return droplet;
    };
    return [
      {
        method: 'GET',
        path: '/v2/droplets',
        scope: 'droplet:read',
        handle: (call) => {
          const [tag, name] = [call.query.get('tag_name'), call.query.get('name')];
          const found = this.list().filter(
            (droplet) =>
              (tag === null || droplet.tags.has(tag)) &&
              (name === null || droplet.name.toLowerCase() === name.toLowerCase()),
          );
          return page(call, 'droplets', found.map(showDroplet));
        },
      },
      {
        method: 'POST',
        path: '/v2/droplets',
        scope: 'droplet:create',
        handle: async (call) => {
          const droplet = await this.#create(call.body);
          const action = this.#act('create', droplet, this.#platform.played.dropletMs);
          const href = `${this.#platform.apiUrl}/v2/actions/${action.id}`;
          return accepted({
            droplet: showDroplet(droplet),
            links: { actions: [{ id: action.id, rel: 'create', href }] },
          });
        },
      },
      {
        method: 'DELETE',
        path: '/v2/droplets',
        scope: 'droplet:delete',
        handle: async (call) => {
          const tag = call.query.get('tag_name');
          if (tag === null) throw unprocessable('tag_name is missing');
          await Promise.all(
            this.list()
              .filter(({ tags }) => tags.has(tag))
              .map((droplet) => this.#delete(droplet)),
          );
          return noContent;
        },
      },
      {
        method: 'GET',
        path: '/v2/droplets/:id',
        scope: 'droplet:read',
        handle: (call) => ok({ droplet: showDroplet(existing(call)) }),
      },
      {
        method: 'DELETE',
        path: '/v2/droplets/:id',
        scope: 'droplet:delete',
        handle: async (call) => {
          await this.#delete(existing(call));
          return noContent;
        },
      },
      {
        method: 'GET',
        path: '/v2/droplets/:id/firewalls',
        scope: 'firewall:read',
        handle: (call) => page(call, 'firewalls', this.#firewalls.attachedTo(existing(call))),
      },
      ...this.#actionRoutes(existing),
      ...this.#firewalls.routes((id) => this.#droplets.has(id)),
    ];
  }

  #actionRoutes(existing: (call: Call) => Droplet): Route[] {
    const find = (id: string): Action => {
      const action = this.#actions.find((candidate) => String(candidate.id) === id);
      if (action === undefined) throw notFound();
      return action;
    };
    return [
      {
        method: 'GET',
        path: '/v2/actions/:action',
        scope: 'actions:read',
        handle: (call) => ok({ action: showAction(find(param(call, 'action'))) }),
      },
      {
        method: 'GET',
        path: '/v2/droplets/:id/actions',
        scope: 'droplet:read',
        handle: (call) => {
          const { id } = existing(call);
          return page(
            call,
            'actions',
            this.#actions.filter(({ dropletId }) => dropletId === id).map(showAction),
          );
        },
      },
      {
        method: 'GET',
        path: '/v2/droplets/:id/actions/:action',
        scope: 'droplet:read',
        handle: (call) => {
          existing(call);
          return ok({ action: showAction(find(param(call, 'action'))) });
        },
      },
      {
        method: 'POST',
        path: '/v2/droplets/:id/actions',
        scope: 'droplet:update',
        handle: async (call) => {
          const droplet = existing(call);
          const types = ['reboot', 'power_cycle', 'shutdown', 'power_off', 'power_on'] as const;
          const { type } = parseBody(z.object({ type: z.enum(types) }), call.body);
          const goesOff = type === 'shutdown' || type === 'power_off';
          await (goesOff ? powerOff(droplet) : powerOn(droplet));
          droplet.status = goesOff ? 'off' : 'active';
          return created({ action: showAction(this.#act(type, droplet, 0)) });
        },
      },
    ];
  }

  async #create(body: unknown): Promise<Droplet> {
    const wanted = parseBody(createSchema, body);
    const size = dropletSizes.find(({ slug }) => slug === wanted.size);
    if (size === undefined) throw unprocessable(`You specified an invalid size for Droplet creation.`);
    if (!(wanted.region in datacentres))
      throw unprocessable('You specified an invalid region for Droplet creation.');
    const image = String(wanted.image);
    if (!/^(ubuntu|debian|docker)-/.test(image)) {
      throw unprocessable('You specified an invalid image for Droplet creation.');
    }
    const userData = wanted.user_data ?? '';
    if (Buffer.byteLength(userData) > LARGEST_USER_DATA)
      throw unprocessable('user_data must be less than 64 KiB');
    const vpc = this.#neighbours.vpcs.join(wanted.vpc_uuid ?? undefined, wanted.region);
    const id = this.#nextDroplet();
    const droplet: Droplet = {
      id,
      name: wanted.name,
      region: wanted.region,
      size,
      image,
      vpc,
      status: 'new',
      backups: wanted.backups ?? false,
      monitoring: wanted.monitoring ?? false,
      userData,
      createdAt: timestamp(),
      publicAddress: await loopbackAddress(),
      privateAddress: await loopbackAddress(),
      redis: undefined,
      tags: this.#neighbours.tags.use(wanted.tags),
      uri: `https://api.digitalocean.com/v2/droplets/${id}`,
    };
    this.#droplets.set(id, droplet);
    this.#neighbours.projects.assign(urnOf(droplet));
    this.#platform.schedule.later(this.#platform.played.dropletMs, () => void this.#bring(droplet));
    return droplet;
  }

  /** Active first, as in earnest; what cloud-init does takes longer. */
  async #bring(droplet: Droplet): Promise<void> {
    if (!this.#droplets.has(droplet.id)) return;
    droplet.status = 'active';
    const redis = await bootRedis(this.#platform, droplet, this.#firewalls);
    droplet.redis = redis;
    if (!this.#droplets.has(droplet.id) || this.#platform.schedule.stopped) await stopRedis(droplet);
  }

  async #delete(droplet: Droplet): Promise<void> {
    this.#droplets.delete(droplet.id);
    this.#firewalls.forget(droplet.id);
    this.#neighbours.projects.release(urnOf(droplet));
    await stopRedis(droplet);
  }

  #act(type: string, droplet: Droplet, milliseconds: number): Action {
    const action: Action = {
      id: this.#nextAction(),
      type,
      status: 'in-progress',
      startedAt: timestamp(),
      completedAt: null,
      dropletId: droplet.id,
      region: droplet.region,
    };
    this.#actions.push(action);
    this.#platform.schedule.later(milliseconds, () => {
      action.status = 'completed';
      action.completedAt = timestamp();
    });
    return action;
  }
}

function showAction(action: Action): object {
  return {
    id: action.id,
    status: action.status,
    type: action.type,
    started_at: action.startedAt,
    completed_at: action.completedAt,
    resource_id: action.dropletId,
    resource_type: 'droplet',
    region_slug: action.region,
  };
}
