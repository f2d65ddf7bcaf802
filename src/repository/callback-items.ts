import { decide, idPart, type Item } from '../migration/item.ts';
import type { ItemContext } from './item-context.ts';
import { roleOf } from './known-libraries.ts';

/** Config vars that tell of a service which calls the application, when no library does. */
export const CALLERS: readonly { service: string; where: string; names: RegExp }[] = [
  {
    service: 'Shopify',
    where: "the app's setup in the Partner Dashboard, or shopify.app.toml",
    names: /^SHOPIFY_(API_SECRET|API_KEY|CLIENT_SECRET|WEBHOOK_SECRET)/,
  },
  {
    service: 'Stripe',
    where: 'https://dashboard.stripe.com/webhooks',
    names: /STRIPE_\w*(WEBHOOK|SIGNING|ENDPOINT)\w*/,
  },
  {
    service: 'GitHub',
    where: "the app's or OAuth app's settings, and the webhooks of its repositories",
    names: /^GITHUB_(WEBHOOK_SECRET|CLIENT_SECRET|APP_ID|OAUTH_\w+)/,
  },
  {
    service: 'Slack',
    where: 'https://api.slack.com/apps (event, interactivity and redirect URLs)',
    names: /^SLACK_(SIGNING_SECRET|CLIENT_SECRET|VERIFICATION_TOKEN)/,
  },
  {
    service: 'Twilio',
    where: 'https://console.twilio.com (the webhooks of each number)',
    names: /^TWILIO_AUTH_TOKEN/,
  },
  {
    service: 'Google',
    where: 'https://console.cloud.google.com/apis/credentials (authorized redirect URIs)',
    names: /^GOOGLE_(CLIENT_SECRET|OAUTH_\w+)/,
  },
  {
    service: 'Facebook',
    where: 'https://developers.facebook.com/apps',
    names: /^(FACEBOOK|META)_(APP_SECRET|CLIENT_SECRET)/,
  },
  {
    service: 'PayPal',
    where: 'https://developer.paypal.com/dashboard (webhooks)',
    names: /^PAYPAL_\w*(WEBHOOK|SECRET)/,
  },
  {
    service: 'Mailgun',
    where: 'https://app.mailgun.com (routes and webhooks)',
    names: /^MAILGUN_(WEBHOOK|SIGNING)\w*/,
  },
  {
    service: 'SendGrid',
    where: 'https://app.sendgrid.com (event webhook, inbound parse)',
    names: /^SENDGRID_\w*WEBHOOK\w*/,
  },
  {
    service: 'Plaid',
    where: 'https://dashboard.plaid.com (webhooks, redirect URIs)',
    names: /^PLAID_SECRET/,
  },
  {
    service: 'Auth0',
    where: 'https://manage.auth0.com (allowed callback URLs)',
    names: /^AUTH0_CLIENT_SECRET/,
  },
  {
    service: 'Salesforce',
    where: 'the connected app (callback URL)',
    names: /^SALESFORCE_(CLIENT_SECRET|CONSUMER_SECRET)/,
  },
];

/**
 * Companies that call the application at an address registered with them: webhooks, redirects of a login. Whether they
 * call a domain of one's own (which moves) or `….herokuapp.com` (which does not) stands in their settings, not here.
 */
export function callbackItems({ facts, app }: ItemContext): Item[] {
  const services = new Map<string, { where: string; evidence: string[] }>();
  const tell = (service: string, where: string, evidence: string): void => {
    const known = services.get(service) ?? { where, evidence: [] };
    known.evidence.push(evidence);
    services.set(service, known);
  };
  for (const { ecosystem, name, path, line } of facts.libraries) {
    const role = roleOf(ecosystem, name);
    if (role?.role === 'callback') tell(role.service, role.where, `${name} (${path}:${line})`);
  }
  for (const { service, where, names } of CALLERS) {
    for (const name of app.configVarNames ?? []) {
      if (names.test(name)) tell(service, where, `config var ${name}`);
    }
  }
  return [...services]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([service, { where, evidence }]) =>
      decide({
        id: `repository/callback/${idPart(service)}`,
        area: 'consumer',
        what: `${service} may call the application at a registered address`,
        question: `Which host is registered with ${service}: a domain of yours, or one of Heroku's?`,
        options: ['a-domain-that-moves', 'changed-at-the-cutover', 'calls-nothing'],
        why: evidence.slice(0, 5).join(', '),
        remedy: `Look at ${where}. A domain of yours moves with the cutover; an address under herokuapp.com must be changed there, before the old side is shut down.`,
      }),
    );
}
