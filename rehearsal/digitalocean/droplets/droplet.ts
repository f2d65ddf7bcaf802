import type { RedisServer } from '../../servers/redis.ts';
import type { TcpProxy } from '../../servers/tcp-proxy.ts';
import { showRegion, showSize } from '../account.ts';
import type { DropletSize } from '../catalogue.ts';
import { addressWithin } from '../addresses.ts';
import type { Tagged } from '../tags.ts';
import type { Vpc } from '../vpcs.ts';

/** What cloud-init has started on a droplet. */
export interface DropletRedis {
  server: RedisServer;
  /** The ports of its configuration, each served on the public and the private address. */
  ports: number[];
  proxies: TcpProxy[];
}

export interface Droplet extends Tagged {
  id: number;
  name: string;
  region: string;
  size: DropletSize;
  image: string;
  vpc: Vpc;
  status: 'new' | 'active' | 'off';
  backups: boolean;
  monitoring: boolean;
  userData: string;
  createdAt: string;
  publicAddress: string;
  privateAddress: string;
  redis: DropletRedis | undefined;
}

export function urnOf(droplet: { id: number }): string {
  return `do:droplet:${droplet.id}`;
}

/** The address from which machines in a private network knock, as a firewall rule sees it. */
export function vpcCaller(vpc: Vpc): { kind: 'vpc'; address: string } {
  return { kind: 'vpc', address: addressWithin(vpc.ip_range) };
}

/** A droplet as the API shows it; it has no addresses before it is active. */
export function showDroplet(droplet: Droplet): object {
  const { size } = droplet;
  return {
    id: droplet.id,
    name: droplet.name,
    memory: size.memoryMib,
    vcpus: size.vcpus,
    disk: size.diskGib,
    locked: droplet.status === 'new',
    status: droplet.status,
    kernel: null,
    created_at: droplet.createdAt,
    features: [
      'private_networking',
      ...(droplet.backups ? ['backups'] : []),
      ...(droplet.monitoring ? ['monitoring'] : []),
    ],
    backup_ids: [],
    next_backup_window: null,
    snapshot_ids: [],
    image: { id: 155_133_621, name: droplet.image, type: 'base', slug: droplet.image, public: true },
    volume_ids: [],
    size: showSize(size),
    size_slug: size.slug,
    networks: droplet.status === 'new' ? { v4: [], v6: [] } : { v4: networks(droplet), v6: [] },
    region: showRegion(droplet.region),
    tags: [...droplet.tags],
    vpc_uuid: droplet.vpc.id,
  };
}

function networks(droplet: Droplet): object[] {
  return [
    { ip_address: droplet.privateAddress, netmask: '255.255.240.0', gateway: '127.0.0.1', type: 'private' },
    { ip_address: droplet.publicAddress, netmask: '255.255.240.0', gateway: '127.0.0.1', type: 'public' },
  ];
}
