import { findNamed, type Region } from '../catalogue.ts';
import type { Platform } from '../platform.ts';
import { existing } from './plan.ts';
import { notFound } from './refusal.ts';
import { list, read, type Route } from './route.ts';
import { identity, times } from './view.ts';

/** Regions. */
export const regionRoutes: Route[] = [
  list('/regions', ({ platform }) => platform.catalogue.regions.map((one) => view(platform, one)), {
    ranges: ['id', 'name'],
  }),
  read('/regions/:region', ({ platform, params }) => {
    const region = findNamed(platform.catalogue.regions, params['region'] ?? '');
    if (!region) throw notFound('region');
    return view(platform, region);
  }),
];

function view(platform: Platform, region: Region): unknown {
  return {
    country: region.country,
    ...times(existing(platform)),
    description: region.description,
    ...identity(region),
    locale: region.locale,
    private_capable: region.privateCapable,
    provider: { name: 'amazon-web-services', region: region.providerRegion },
  };
}
