import { findNamed, type DynoSize } from '../catalogue.ts';
import type { Platform } from '../platform.ts';
import { notFound } from './refusal.ts';
import { list, read, type Route } from './route.ts';
import { identity } from './view.ts';

/** Dyno sizes and their prices. */
export const dynoSizeRoutes: Route[] = [
  list('/dyno-sizes', all, { ranges: ['id', 'name'] }),
  list('/apps/:app/available-dyno-sizes', all, { ranges: ['id', 'name'] }),
  read('/dyno-sizes/:size', ({ platform, params }) => {
    const size = findNamed(platform.catalogue.dynoSizes, params['size'] ?? '');
    if (!size) throw notFound('dyno size');
    return view(platform, size);
  }),
];

function all({ platform }: { platform: Platform }): unknown[] {
  return platform.catalogue.dynoSizes.map((size) => view(platform, size));
}

function view(platform: Platform, size: DynoSize): unknown {
  return {
    architecture: 'amd64',
    compute: size.compute,
    can_autoscale: size.dedicated,
    cost: { cents: size.cents, unit: 'month' },
    dedicated: size.dedicated,
    precise_dyno_units: size.compute,
    id: size.id,
    memory: size.memoryGb,
    name: size.name,
    private_space_only: size.privateSpaceOnly,
    generation: identity(platform.catalogue.cedar),
    infrastructure_tier: size.dedicated ? 'performance' : 'production',
    product_dyno_tier: size.name.split('-')[0]?.toLowerCase() ?? '',
  };
}
