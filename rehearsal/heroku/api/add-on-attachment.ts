import { z } from 'zod';
import { findNamed } from '../catalogue.ts';
import { attachmentValues, configVarNames } from '../config.ts';
import { born, type Attachment, type Platform } from '../platform.ts';
import { createRelease } from '../release.ts';
import { addOnOf, isVisible } from './add-on.ts';
import { appIdentity } from './app.ts';
import { bodyOf, reference } from './body.ts';
import { invalid, notFound } from './refusal.ts';
import { change, list, read, type Call, type Route } from './route.ts';
import { identity, times } from './view.ts';

/** Attachments: which app has which add-on under which name. */
export const attachmentRoutes: Route[] = [
  list('/addon-attachments', (call) => call.platform.attachments.filter(isVisible(call)).map(view(call)), {
    ranges: ['id', 'name'],
  }),
  list(
    '/apps/:app/addon-attachments',
    (call) => call.platform.attachments.filter(({ app }) => app === call.app).map(view(call)),
    { ranges: ['id', 'name'] },
  ),
  list('/addons/:addon/addon-attachments', (call) => {
    const addOn = addOnOf(call);
    return call.platform.attachments.filter((one) => one.addOn === addOn).map(view(call));
  }),
  read('/addon-attachments/:attachment', (call) => view(call)(attachmentOf(call))),
  read('/apps/:app/addon-attachments/:attachment', (call) => view(call)(attachmentOf(call))),
  change('POST', '/addon-attachments', attach, { status: 201 }),
  change('DELETE', '/addon-attachments/:attachment', detach),
  { ...list('/actions/addon-attachments/resolve', resolveAttachment), method: 'POST' },
];

function attachmentOf(call: Call): Attachment {
  const wanted = call.params['attachment'] ?? '';
  const candidates = call.platform.attachments
    .filter(isVisible(call))
    .filter(({ app }) => !('app' in call.params) || app === call.app);
  const attachment = findNamed(candidates, wanted);
  if (!attachment) throw notFound('add-on attachment');
  return attachment;
}

/** By attachment name, config var (`DATABASE_URL`) or add-on name. */
function resolveAttachment(call: Call): unknown[] {
  const body = bodyOf(
    call,
    z.object({
      addon_attachment: z.string(),
      app: z.string().nullish(),
      addon_service: z.string().nullish(),
    }),
  );
  const app = body.app ? findNamed(call.platform.apps, body.app) : undefined;
  if (body.app && !app) throw notFound('app');
  const wanted = body.addon_attachment.replace(/^[a-z0-9-]+::/, '');
  const candidates = call.platform.attachments
    .filter(isVisible(call))
    .filter((one) => !app || one.app === app)
    .filter(({ addOn }) => (body.addon_service ?? addOn.plan.service.name) === addOn.plan.service.name);
  const byName = candidates.filter(
    ({ id, name }) => id === wanted || name === wanted.toUpperCase().replace(/_URL$/, ''),
  );
  const found =
    byName.length > 0
      ? byName
      : candidates.filter(({ addOn }) => addOn.name === wanted || addOn.id === wanted);
  if (found.length === 0) throw notFound('add-on attachment');
  return found.map(view(call));
}

function attach(call: Call): unknown {
  const { platform } = call;
  const body = bodyOf(
    call,
    z.object({
      addon: reference,
      app: reference,
      confirm: z.string().nullish(),
      name: z.string().nullish(),
      namespace: z.string().nullish(),
    }),
  );
  const addOn = addOnOf(call, body.addon);
  const app = findNamed(platform.apps, body.app);
  if (!app) throw notFound('app');
  const name = (
    body.name ?? `${addOn.plan.service.name.replaceAll('-', '_')}_${platform.ids.hex(4)}`
  ).toUpperCase();
  const before = platform.attachments.find((one) => one.app === app && one.name === name);
  if (before && body.confirm !== app.name) {
    throw invalid(
      `Name already taken: ${name} is attached to ${app.name}. Confirm with the app's name to replace it.`,
    );
  }
  if (!before && `${name}_URL` in app.config && !(`${name}_URL` in attachmentValues(platform, app))) {
    throw invalid(`Config var ${name}_URL already exists on ${app.name}.`);
  }
  const attachment: Attachment = { ...born(platform), name, app, addOn, namespace: body.namespace ?? null };
  platform.attachments = [...platform.attachments.filter((one) => one !== before), attachment];
  createRelease(platform, app, { description: `Attach ${name} (@ref:${addOn.name})` });
  return view(call)(attachment);
}

function detach(call: Call): unknown {
  const { platform } = call;
  const attachment = attachmentOf(call);
  const { addOn, app } = attachment;
  const others = platform.attachments.filter((one) => one !== attachment);
  if (app === addOn.app && !others.some((one) => one.addOn === addOn && one.app === app)) {
    throw invalid(`Cannot destroy last attachment to billing app ${app.name} for resource ${addOn.name}`);
  }
  platform.attachments = others;
  createRelease(platform, app, { description: `Detach ${attachment.name} (@ref:${addOn.name})` });
  return view(call)(attachment);
}

function view(call: Call): (attachment: Attachment) => unknown {
  const included = (call.headers['accept-inclusion'] ?? '').split(',').map((part) => part.trim());
  return (attachment) => attachmentView(call.platform, attachment, included);
}

/** `included`: `addon:plan` and `config_vars` come along (Accept-Inclusion). */
function attachmentView(platform: Platform, attachment: Attachment, included: string[]): unknown {
  const { addOn, app } = attachment;
  return {
    addon: {
      ...identity(addOn),
      app: appIdentity(addOn.app),
      ...(included.includes('addon:plan') ? { plan: identity(addOn.plan) } : {}),
    },
    app: appIdentity(app),
    ...(included.includes('config_vars') ? { config_vars: configVarNames(platform, addOn) } : {}),
    ...times(attachment),
    id: attachment.id,
    name: attachment.name,
    namespace: attachment.namespace,
    web_url: `https://addons-sso.heroku.com/apps/${app.id}/addons/${addOn.id}`,
    log_input_url: null,
  };
}
