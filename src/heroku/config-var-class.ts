export type ConfigVarClass = 'add-on' | 'platform' | 'host' | 'secret' | 'plain';

/** Set by Heroku for dynos or left over from it; nothing at DigitalOcean reads them. */
const PLATFORM = /^(HEROKU_.*|DYNO|DYNO_RAM|PORT|STACK)$/;
/** Settings whose values are words out of a documentation, never a credential. */
const PLAIN =
  /^(LANG|LC_[A-Z]+|TZ|RACK_ENV|RAILS_ENV|NODE_ENV|APP_ENV|DJANGO_SETTINGS_MODULE|RAILS_[A-Z_]+|WEB_CONCURRENCY|MALLOC_ARENA_MAX|PUMA_[A-Z_]+|[A-Z_]*(THREADS|CONCURRENCY|TIMEOUT|LOG_LEVEL|POOL|ENABLED|DISABLED))$/;
const TELLING = /(KEY|SECRET|TOKEN|PASS|PWD|CREDENTIAL|PRIVATE|AUTH|DSN|SALT|CERT|SIGNATURE)/;

/** Whether the name alone says that the value is a secret. */
export function namesASecret(name: string): boolean {
  return TELLING.test(name);
}

/**
 * What kind of thing a config var is. In doubt it is a secret: a setting that is treated as one costs nothing, a secret
 * that is treated as a setting is shown to everybody.
 */
export function classifyConfigVar(
  name: string,
  value: string,
  addOns: { configVars: string[] }[],
): ConfigVarClass {
  if (addOns.some(({ configVars }) => configVars.includes(name))) return 'add-on';
  if (PLATFORM.test(name)) return 'platform';
  if (namesASecret(name)) return 'secret';
  if (/^[a-z0-9.-]+\.herokuapp\.com$|^https?:\/\/[a-z0-9.-]+\/?$/i.test(value)) return 'host';
  if (PLAIN.test(name) || /^(true|false|yes|no|on|off|\d{1,6})$/i.test(value)) return 'plain';
  return 'secret';
}
