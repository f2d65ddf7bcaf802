import { ConfigurationError } from '../errors.ts';

/** Reads inputs; every error is a ConfigurationError that names the input. Secrets were masked before the first read. */
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

/** Inputs that hold a secret in any of our actions: masked before the first line is written. */
export const SECRET_INPUTS = ['heroku-token', 'digitalocean-token', 'migration-key', 'github-token'] as const;

/** `read` gives an input's text, empty when it was not given; `mask` hides a value from everything that is written. */
export function createInputs(read: (name: string) => string, mask: (value: string) => void): Inputs {
  const optional = (name: string): string | undefined => {
    const text = read(name).trim();
    return text === '' ? undefined : text;
  };
  const required = (name: string): string => {
    const text = optional(name);
    if (text !== undefined) return text;
    throw new ConfigurationError(`The input ${name} is missing. Give it under \`with:\`. Nothing was done.`);
  };
  const optionalSecret = (name: string): string | undefined => {
    const text = optional(name);
    if (text !== undefined) mask(text);
    return text;
  };
  return {
    required,
    optional,
    boolean: (name) => {
      const text = required(name).toLowerCase();
      if (text === 'true') return true;
      if (text === 'false') return false;
      throw new ConfigurationError(`The input ${name} is "${text}"; it takes true or false. Nothing was done.`);
    },
    choice: (name, choices) => {
      const text = required(name);
      const chosen = choices.find((choice) => choice === text);
      if (chosen !== undefined) return chosen;
      throw new ConfigurationError(
        `The input ${name} is "${text}"; it takes ${choices.join(', ')}. Nothing was done.`,
      );
    },
    url: (name) => {
      const text = required(name);
      const parsed = URL.parse(text);
      if (parsed !== null && /^https?:$/.test(parsed.protocol) && parsed.username === '' && parsed.password === '') {
        return text.replace(/\/+$/, '');
      }
      throw new ConfigurationError(
        `The input ${name} is no http or https address without user and password. Nothing was done.`,
      );
    },
    secret: (name) => {
      const text = optionalSecret(name);
      if (text !== undefined) return text;
      throw new ConfigurationError(
        `The input ${name} is missing or empty. Add the secret to this job's environment ` +
          '(repository settings, Environments) and pass it under `with:`. Nothing was done.',
      );
    },
    optionalSecret,
  };
}
