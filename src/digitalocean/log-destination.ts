/** A log destination of a component (godo's AppLogDestinationSpec, 2026-07). */
export interface LogDestination {
  name: string;
  papertrail?: { endpoint: string };
  datadog?: { endpoint: string; api_key: string };
  logtail?: { token: string };
}

export type LogService = 'Papertrail' | 'Datadog' | 'Better Stack';

/** Who is behind the host of a log drain, where it is somebody to whom App Platform can send logs by itself. */
export function logServiceOf(host: string): LogService | undefined {
  return SERVICES.find(({ hosts }) => hosts.test(host))?.service;
}

/** The parameters by which Heroku's drains give Datadog's key and Better Stack's token (their guides for Heroku). */
const DATADOG_KEYS = ['dd-api-key', 'dd_api_key', 'api_key'];
const LOGTAIL_TOKENS = ['source_token', 'token'];

interface Service {
  service: LogService;
  hosts: RegExp;
  destination(url: URL): Omit<LogDestination, 'name'> | undefined;
}

const SERVICES: readonly Service[] = [
  {
    service: 'Papertrail',
    hosts: /(^|\.)papertrailapp\.com$/i,
    destination: (url) =>
      url.port === '' ? undefined : { papertrail: { endpoint: `${url.hostname}:${url.port}` } },
  },
  {
    service: 'Datadog',
    hosts: /(^|\.)(datadoghq\.(com|eu)|ddog-gov\.com)$/i,
    destination: (url) => {
      const key = parameter(url, DATADOG_KEYS);
      return key === undefined
        ? undefined
        : { datadog: { endpoint: `https://${url.hostname}`, api_key: key } };
    },
  },
  {
    service: 'Better Stack',
    hosts: /(^|\.)(logs\.betterstack\.com|betterstackdata\.com|logtail\.com)$/i,
    destination: (url) => {
      const token = parameter(url, LOGTAIL_TOKENS) ?? decoded(url.username);
      return token === undefined ? undefined : { logtail: { token } };
    },
  },
];

/**
 * The same log service for a component of App Platform, from the address of a log drain. `undefined` when it is another
 * one, or when the address has no credential where its guide puts it.
 */
export function logDestinationOf(drain: string): LogDestination | undefined {
  const url = URL.parse(drain);
  if (url === null) return undefined;
  const found = SERVICES.find(({ hosts }) => hosts.test(url.hostname));
  const destination = found?.destination(url);
  return found === undefined || destination === undefined
    ? undefined
    : { name: found.service, ...destination };
}

/** The credential in it. */
export function credentialOf(destination: LogDestination): string | undefined {
  return destination.datadog?.api_key ?? destination.logtail?.token;
}

function parameter(url: URL, names: readonly string[]): string | undefined {
  return (
    names.map((name) => url.searchParams.get(name)).find((value) => value !== null && value !== '') ??
    undefined
  );
}

function decoded(text: string): string | undefined {
  return text === '' ? undefined : decodeURIComponent(text);
}
