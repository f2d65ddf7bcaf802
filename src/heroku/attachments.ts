import { z } from 'zod';
import type { AddOn } from './add-ons.ts';
import type { HerokuClient } from './client.ts';
import type { Gaps } from './gap.ts';
import { inOrder } from './in-order.ts';
import { named } from './named.ts';

const attachmentSchema = z.object({
  name: z.string(),
  namespace: z.string().nullable().default(null),
  app: named,
  addon: z.object({ id: z.string(), name: z.string(), app: named.nullable().optional() }),
});

/** One add-on as this app sees it. */
export interface Attachment {
  /** `DATABASE`, `HEROKU_POSTGRESQL_COPPER` … */
  name: string;
  /** `credential:reports`, `connection-pooling:default` …; null for the add-on's own default. */
  namespace: string | null;
  addOn: string;
  /** It belongs to another app, which pays for it. */
  shared: boolean;
  /** The app that it belongs to; null when Heroku does not say. */
  owner: string | null;
}

/** An add-on of this app that another app uses. */
export interface SharedUse {
  addOn: string;
  /** The other app. */
  app: string;
  /** The name under which it is attached there. */
  name: string;
}

/** The app's attachments, its own add-ons' and other apps'. */
export async function readAttachments(client: HerokuClient, app: string): Promise<Attachment[]> {
  const found = await client.list(`/apps/${encodeURIComponent(app)}/addon-attachments`, attachmentSchema);
  return inOrder(
    found.map(({ name, namespace, addon }) => {
      const owner = addon.app?.name ?? null;
      return { name, namespace, addOn: addon.name, shared: owner !== null && owner !== app, owner };
    }),
    ({ name }) => name,
  );
}

/** Who else uses the add-ons that belong to this app: they go on using them, whatever becomes of this app. */
export async function readSharedUses(
  client: HerokuClient,
  app: string,
  addOns: AddOn[],
  gaps: Gaps,
): Promise<SharedUse[]> {
  const uses = await Promise.all(
    addOns
      .filter(({ billedTo }) => billedTo === app)
      .map(async ({ id, name: addOn }) => {
        const all = await gaps.orNone(
          {
            what: `which other apps use ${addOn}`,
            permission: 'the scope `read`, and a token of a collaborator of those apps',
            essential: true,
          },
          () => client.list(`/addons/${encodeURIComponent(id)}/addon-attachments`, attachmentSchema),
          [],
        );
        return all
          .filter((one) => one.app.name !== app)
          .map((one) => ({ addOn, app: one.app.name, name: one.name }));
      }),
  );
  return inOrder(uses.flat(), ({ addOn, app: user, name }) => `${addOn} ${user} ${name}`);
}
