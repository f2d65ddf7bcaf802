import type { Item } from '../migration/item.ts';
import { CALLERS } from '../repository/callback-items.ts';
import type { Check } from './result.ts';

/** Who looks after a company that calls the application, and whether that is done, from migration.yml. */
export interface CallbackOwner {
  owner: string | undefined;
  done: boolean;
  /** The day (`2026-11-24`, UTC) on which somebody saw at the sender that it still delivers. */
  subscriptionsSeen: string | undefined;
}

/** What a sender does about an address that does not answer for a while, by its own documentation. */
const WHEN_DELIVERIES_FAIL: Readonly<Record<string, string>> = {
  Shopify:
    'it deletes a subscription after 8 failed deliveries in 4 hours: list them (`webhookSubscriptions` in the Admin API) and subscribe again where one is missing',
  Stripe:
    'it retries for 3 days and then turns the endpoint off: look at its failed deliveries and resend them',
  GitHub: 'it does not retry: look at "Recent deliveries" of each webhook and redeliver',
  Slack: 'it turns event subscriptions off when nearly all of an hour fail: look whether they are on',
  Twilio: 'it does not retry calls and messages: look at its debugger for the time of the cutover',
  PayPal: 'it retries for 3 days: look at its webhook events',
  Mailgun: 'it retries for 8 hours and then drops the event',
  SendGrid: 'it retries for 24 hours and then drops the event',
  Plaid: 'it retries for 24 hours and then drops the event',
};

const ID = /^repository\/callback\//;

/**
 * Companies that call the application at an address that is registered with them, as a checklist with owner and state.
 * What assess asked of each is answered in `decisions`; `third-parties` says who looks after it and that it is done.
 *
 * @param items of the plan; those about callbacks are looked at
 * @param names of the config vars, for what no plan knows
 * @param switchedAt since when the new side serves: then an address at Heroku that was to be changed must have been, and
 *   somebody must look whether the sender has given up meanwhile. Undefined while Heroku serves.
 */
export function callbackChecks(
  items: readonly Item[],
  names: readonly string[],
  owners: Readonly<Record<string, CallbackOwner>>,
  switchedAt: Date | undefined,
): Check[] {
  const moved = switchedAt !== undefined;
  const services = new Map<string, { where: string; answer: string | undefined }>();
  for (const item of items.filter(({ id }) => ID.test(id))) {
    const service = item.what.replace(/ may call the application.*$/, '');
    const where = item.remedy?.replace(/^Look at (.*?)\. A domain.*$/s, '$1') ?? 'its settings';
    services.set(service, { where, answer: item.verdict === 'decide' ? undefined : item.becomes });
  }
  for (const { service, where, names: telling } of CALLERS)
    if (!services.has(service) && names.some((name) => telling.test(name)))
      services.set(service, { where, answer: undefined });
  return [...services]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([service, known]) => {
      const key = service.toLowerCase();
      const kept = Object.hasOwn(owners, key) ? owners[key] : undefined;
      return [
        callback(service, known, kept, moved),
        ...(moved && known.answer !== 'calls-nothing'
          ? [dropped(service, known.where, kept, switchedAt)]
          : []),
      ];
    });
}

function callback(
  service: string,
  { where, answer }: { where: string; answer: string | undefined },
  kept: CallbackOwner | undefined,
  moved: boolean,
): Check {
  const who = kept?.owner === undefined ? 'nobody is named for it' : `looked after by ${kept.owner}`;
  const base = {
    id: `third-parties/callback/${service.toLowerCase()}`,
    area: 'third-parties',
    what: `${service} calls the application where it is`,
  } as const;
  if (answer === 'calls-nothing') return { ...base, found: 'by decision it calls nothing', state: 'passed' };
  if (answer === 'a-domain-that-moves')
    return { ...base, found: 'by decision it calls a domain that moves along', state: 'passed' };
  if (kept?.done === true) return { ...base, found: `done, ${who}`, state: 'passed' };
  const remedy = `Look at ${where}; then say so in migration.yml: \`third-parties: { ${service.toLowerCase()}: { owner: …, done: true } }\`.`;
  // Before the switch Heroku's address is still the right one.
  return {
    ...base,
    found: `${answer === undefined ? 'nobody has said where it calls' : 'its address is to be changed'}; ${who}`,
    state: moved && answer !== undefined ? 'failed' : 'told',
    remedy,
  };
}

/**
 * Whether a sender gave up while nobody answered stands in its own settings only: a person looks there, after the switch,
 * and says so with the day. A day before it says nothing.
 */
function dropped(service: string, where: string, kept: CallbackOwner | undefined, switchedAt: Date): Check {
  const known = WHEN_DELIVERIES_FAIL[service] ?? 'what it does about failed deliveries is not known';
  const base = {
    id: `third-parties/dropped/${service.toLowerCase()}`,
    area: 'third-parties',
    what: `${service} has not given up on the application during the cutover`,
  } as const;
  const seen = kept?.subscriptionsSeen;
  if (seen !== undefined && seen >= switchedAt.toISOString().slice(0, 10)) {
    const by = kept?.owner === undefined ? '' : ` by ${kept.owner}`;
    return { ...base, found: `looked at on ${seen}${by}, by migration.yml`, state: 'passed' };
  }
  return {
    ...base,
    found: `the list of its subscriptions stands with ${service} only; ${known}`,
    state: 'told',
    remedy:
      `Look at ${where}${kept?.owner === undefined ? '' : ` (${kept.owner})`}; then say so in migration.yml with the day: ` +
      `\`third-parties: { ${service.toLowerCase()}: { subscriptions-seen: 2026-11-24 } }\`. A check of the kind \`command\` can ask ${service} for the list each time.`,
  };
}
