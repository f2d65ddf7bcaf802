import { ConfigurationError } from '../errors.ts';

/** Inputs that are secrets in every action; they are masked before anything else happens. */
export const SECRET_INPUTS = [
  'heroku-token',
  'digitalocean-token',
  'cloudflare-token',
  'aws-access-key-id',
  'aws-secret-access-key',
  'aws-session-token',
  'dns-command-secret',
  'migration-key',
  'github-token',
  'registry-credentials',
  'notify-slack-url',
  'notify-webhook-url',
  'check-secrets',
] as const;

/** Reads the action's inputs; every error is a ConfigurationError that names the input. */
export interface Inputs {
  required(name: string): string;
  optional(name: string): string | undefined;
  boolean(name: string): boolean;
  choice<const T extends string>(name: string, choices: readonly T[]): T;
  /** An http(s) address without a slash at its end. */
  url(name: string): string;
  /** A required secret, masked. */
  secret(name: string): string;
  optionalSecret(name: string): string | undefined;
}

/** `read` gives the text of an input, or undefined; `mask` is called with each secret before it is returned. */
export function inputsFrom(
  read: (name: string) => string | undefined,
  mask: (value: string) => void,
): Inputs {
  const optional = (name: string): string | undefined => {
    const text = read(name)?.trim() ?? '';
    return text === '' ? undefined : text;
  };
  const required = (name: string): string => {
    const text = optional(name);
    if (text !== undefined) return text;
    throw new ConfigurationError(
      `The input ${name} is empty. Set it under \`with:\` of the step (if it comes from a secret or variable, that is missing or not visible to this environment).`,
    );
  };
  const optionalSecret = (name: string): string | undefined => {
    const text = optional(name);
    if (text !== undefined) mask(text);
    return text;
  };
  return {
    required,
    optional,
    optionalSecret,
    secret(name) {
      const text = required(name);
      mask(text);
      return text;
    },
    boolean(name) {
      const text = required(name).toLowerCase();
      if (text === 'true' || text === 'false') return text === 'true';
      throw new ConfigurationError(`The input ${name} is "${text}" and must be true or false.`);
    },
    choice(name, choices) {
      const text = required(name);
      const chosen = choices.find((choice) => choice === text);
      if (chosen !== undefined) return chosen;
      throw new ConfigurationError(
        `The input ${name} is "${text}" and must be one of ${choices.join(', ')}.`,
      );
    },
    url(name) {
      const text = required(name);
      const url = URL.parse(text);
      if (url && ['http:', 'https:'].includes(url.protocol) && url.username === '' && url.search === '') {
        return url.href.replace(/\/+$/, '');
      }
      throw new ConfigurationError(
        `The input ${name} must be an address such as https://api.example.com, without user, password or query.`,
      );
    },
  };
}

/** Reads what the runner puts into the environment: `INPUT_HEROKU-TOKEN`, or `INPUT_HEROKU_TOKEN` from a shell. */
export function readEnvironmentInput(
  environment: Readonly<Record<string, string | undefined>>,
  name: string,
): string | undefined {
  const key = `INPUT_${name.toUpperCase()}`;
  const written = environment[key] ?? '';
  return written === '' ? environment[key.replaceAll('-', '_')] : written;
}
