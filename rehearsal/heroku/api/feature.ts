import { z } from 'zod';
import { findNamed } from '../catalogue.ts';
import type { Feature } from '../platform.ts';
import { bodyOf } from './body.ts';
import { invalid, notFound } from './refusal.ts';
import { change, list, read, type Call, type Route } from './route.ts';
import { identity, times } from './view.ts';

/** App features and labs flags. */
export const featureRoutes: Route[] = [
  list('/apps/:app/features', ({ app }) => app.features.map(view), { ranges: ['id', 'name'] }),
  read('/apps/:app/features/:feature', (call) => view(featureOf(call))),
  change('PATCH', '/apps/:app/features/:feature', (call) => {
    const feature = featureOf(call);
    const { enabled } = bodyOf(call, z.object({ enabled: z.boolean() }));
    if (enabled && feature.name === 'preboot' && !call.app.onPaper) {
      throw invalid('This played Heroku replaces dynos without preboot and cannot turn it on.');
    }
    Object.assign(feature, { enabled, updatedAt: new Date() });
    return view(feature);
  }),
];

function featureOf({ app, params }: Call): Feature {
  const feature = findNamed(app.features, params['feature'] ?? '');
  if (!feature) throw notFound('feature');
  return feature;
}

function view(feature: Feature): unknown {
  return {
    ...times(feature),
    description: feature.description,
    doc_url: 'https://devcenter.heroku.com/',
    enabled: feature.enabled,
    ...identity(feature),
    state: 'general',
    display_name: feature.name,
    feedback_email: 'feedback@heroku.com',
  };
}
