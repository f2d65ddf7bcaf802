import { z } from 'zod';
import { born, type App, type Webhook } from '../platform.ts';
import { appIdentity } from './app.ts';
import { bodyOf } from './body.ts';
import { notFound } from './refusal.ts';
import { change, list, read, type Call, type Route } from './route.ts';
import { times } from './view.ts';

const fields = { include: z.array(z.string()), level: z.enum(['notify', 'sync']), url: z.string() };

/** App webhooks. They are kept, not sent. */
export const webhookRoutes: Route[] = [
  list('/apps/:app/webhooks', ({ app }) => app.webhooks.map((one) => view(app, one))),
  read('/apps/:app/webhooks/:webhook', (call) => view(call.app, webhookOf(call))),
  change(
    'POST',
    '/apps/:app/webhooks',
    (call) => {
      const webhook: Webhook = { ...born(call.platform), ...bodyOf(call, z.object(fields)) };
      call.app.webhooks.push(webhook);
      return view(call.app, webhook);
    },
    { status: 201 },
  ),
  change('PATCH', '/apps/:app/webhooks/:webhook', (call) => {
    const webhook = webhookOf(call);
    Object.assign(webhook, bodyOf(call, z.object(fields).partial()), { updatedAt: new Date() });
    return view(call.app, webhook);
  }),
  change('DELETE', '/apps/:app/webhooks/:webhook', (call) => {
    const webhook = webhookOf(call);
    call.app.webhooks = call.app.webhooks.filter((one) => one !== webhook);
    return view(call.app, webhook);
  }),
];

function webhookOf({ app, params }: Call): Webhook {
  const webhook = app.webhooks.find(({ id }) => id === params['webhook']);
  if (!webhook) throw notFound('webhook');
  return webhook;
}

function view(app: App, webhook: Webhook): unknown {
  return {
    app: appIdentity(app),
    ...times(webhook),
    id: webhook.id,
    include: webhook.include,
    level: webhook.level,
    url: webhook.url,
  };
}
