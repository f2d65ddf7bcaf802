import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { ApiError, conflict, notFound, parseBody, unprocessable } from './api/error.ts';
import { page } from './api/page.ts';
import { created, noContent, ok, param, type Route } from './api/route.ts';
import { datacentres } from './catalogue.ts';
import { timestamp } from './platform.ts';

export interface Vpc {
  id: string;
  name: string;
  description: string;
  region: string;
  ip_range: string;
  default: boolean;
  created_at: string;
}

export interface VpcMember {
  name: string;
  urn: string;
  created_at: string;
}

const createSchema = z.object({
  name: z.string().regex(/^[a-zA-Z0-9\-.]+$/),
  region: z.string(),
  description: z.string().max(255).default(''),
  ip_range: z
    .string()
    .regex(/^(10|172\.(1[6-9]|2\d|3[01])|192\.168)[\d.]*\/(1[6-9]|2[0-8])$/, 'must be RFC1918, /16 to /28')
    .optional(),
});

/** Private networks. The first of a datacentre becomes its default, which cannot be deleted. */
export class Vpcs {
  readonly #vpcs = new Map<string, Vpc>();
  readonly #members: ((vpcId: string) => VpcMember[])[] = [];

  /** Tells where to look for what lies in a network. */
  countMembers(list: (vpcId: string) => VpcMember[]): void {
    this.#members.push(list);
  }

  find(id: string): Vpc | undefined {
    return this.#vpcs.get(id);
  }

  /** The network that a new resource of a datacentre joins: the one named, else the default one, made when missing. */
  join(id: string | undefined, region: string): Vpc {
    if (id !== undefined && id !== '') {
      const vpc = this.#vpcs.get(id);
      if (vpc === undefined || vpc.region !== region) {
        throw unprocessable(`VPC ${id} was not found in region ${region}`);
      }
      return vpc;
    }
    const found = [...this.#vpcs.values()].find((vpc) => vpc.region === region && vpc.default);
    return found ?? this.#add({ name: `default-${region}`, region, description: '' });
  }

  routes(): Route[] {
    const existing = (id: string): Vpc => {
      const vpc = this.#vpcs.get(id);
      if (vpc === undefined) throw notFound();
      return vpc;
    };
    const change: Route['handle'] = (call) => {
      const vpc = existing(param(call, 'id'));
      const schema = z.object({ name: z.string(), description: z.string() }).partial();
      const { name, description } = parseBody(schema, call.body);
      vpc.name = name ?? vpc.name;
      vpc.description = description ?? vpc.description;
      return ok({ vpc: show(vpc) });
    };
    return [
      {
        method: 'GET',
        path: '/v2/vpcs',
        scope: 'vpc:read',
        handle: (call) => page(call, 'vpcs', [...this.#vpcs.values()].map(show)),
      },
      {
        method: 'POST',
        path: '/v2/vpcs',
        scope: 'vpc:create',
        handle: (call) => created({ vpc: show(this.#add(parseBody(createSchema, call.body))) }),
      },
      {
        method: 'GET',
        path: '/v2/vpcs/:id',
        scope: 'vpc:read',
        handle: (call) => ok({ vpc: show(existing(param(call, 'id'))) }),
      },
      { method: 'PUT', path: '/v2/vpcs/:id', scope: 'vpc:update', handle: change },
      { method: 'PATCH', path: '/v2/vpcs/:id', scope: 'vpc:update', handle: change },
      {
        method: 'DELETE',
        path: '/v2/vpcs/:id',
        scope: 'vpc:delete',
        handle: (call) => {
          const vpc = existing(param(call, 'id'));
          if (vpc.default) throw new ApiError(403, 'forbidden', 'Can not delete default VPCs');
          if (this.#membersOf(vpc.id).length > 0) {
            throw new ApiError(403, 'forbidden', 'Can not delete VPC with members');
          }
          this.#vpcs.delete(vpc.id);
          return noContent;
        },
      },
      {
        method: 'GET',
        path: '/v2/vpcs/:id/members',
        scope: 'vpc:read',
        handle: (call) => page(call, 'members', this.#membersOf(existing(param(call, 'id')).id)),
      },
    ];
  }

  #membersOf(id: string): VpcMember[] {
    return this.#members.flatMap((list) => list(id));
  }

  #add(wanted: { name: string; region: string; description: string; ip_range?: string | undefined }): Vpc {
    if (!(wanted.region in datacentres)) throw unprocessable(`region ${wanted.region} is not available`);
    const all = [...this.#vpcs.values()];
    if (all.some((vpc) => vpc.name === wanted.name)) throw conflict('a VPC with this name already exists');
    const vpc: Vpc = {
      id: randomUUID(),
      name: wanted.name,
      description: wanted.description,
      region: wanted.region,
      ip_range: wanted.ip_range ?? `10.${114 + Math.floor(all.length / 16)}.${(all.length % 16) * 16}.0/20`,
      default: !all.some((other) => other.region === wanted.region),
      created_at: timestamp(),
    };
    this.#vpcs.set(vpc.id, vpc);
    return vpc;
  }
}

function show(vpc: Vpc): object {
  return { ...vpc, urn: `do:vpc:${vpc.id}` };
}
