import { readRegistries, tierTold } from '../../src/digitalocean/registry.ts';
import { registryOf } from '../../src/digitalocean/image-reference.ts';
import { messageOf } from '../../src/errors.ts';
import type { Provisioning } from './provision.ts';
import type { Resource } from './resource.ts';

/**
 * Where the image lies, when that is DigitalOcean's registry, and what it costs. It may hold other images, too: its price
 * is in the total of the stage that makes it (`registry`), and here beside it.
 */
export async function registryLines(p: Provisioning): Promise<Resource[]> {
  const name = registryOf(p.edge.inputs.optional('image'));
  if (name === undefined) return [];
  const line = { kind: 'Container registry', name, usdPerMonth: null };
  try {
    const { names, tier } = await readRegistries(p.client);
    if (!names.includes(name)) {
      const others = names.length === 0 ? 'it has none' : `it has ${names.join(', ')}`;
      const detail = `the account of this token has no registry of that name (${others}), and App Platform pulls from those of its own account only`;
      return [{ ...line, change: 'drift', detail }];
    }
    return [{ ...line, change: 'keep', detail: tierTold(tier) || 'at a price that is not told' }];
  } catch (error) {
    p.edge.signal.throwIfAborted();
    p.edge.log.info(`What the registry ${name} costs is not known: ${messageOf(error)}`);
    return [];
  }
}
