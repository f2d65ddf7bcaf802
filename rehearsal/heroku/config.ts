import type { AddOn, App, Attachment, Platform } from './platform.ts';

/** The config var of an attachment: `DATABASE` gives `DATABASE_URL`. Scheduler gives none. */
function configVarsOf(attachment: Attachment): Record<string, string> {
  const { url, config } = attachment.addOn;
  return { ...config, ...(url === undefined ? {} : { [`${attachment.name}_URL`]: url }) };
}

/** Names of the config vars that an add-on sets on the app that it belongs to. */
export function configVarNames(platform: Platform, addOn: AddOn): string[] {
  return platform.attachments
    .filter((one) => one.addOn === addOn && one.app === addOn.app)
    .flatMap((one) => Object.keys(configVarsOf(one)));
}

/** What attachments contribute to the config vars of an app. They cannot be set by hand. */
export function attachmentValues(platform: Platform, app: App): Record<string, string> {
  return Object.assign(
    {},
    ...platform.attachments.filter((one) => one.app === app).map(configVarsOf),
  ) as Record<string, string>;
}

/** All config vars: what the user set (now, or in `config`) and what attachments bring at this moment. */
export function effectiveConfig(
  platform: Platform,
  app: App,
  config: Record<string, string> = app.config,
): Record<string, string> {
  return { ...config, ...attachmentValues(platform, app) };
}
