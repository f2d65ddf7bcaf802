import { ConfigurationError } from '../errors.ts';

/** What `{name}` may stand for in the words for the customers. */
export type Placeholders = Record<'application' | 'environment' | 'domains' | 'downtime', string>;

/**
 * The user's words with their placeholders filled in. Throws a ConfigurationError for a placeholder that does not
 * exist: customers must not read it.
 */
export function fillTemplate(template: string, values: Placeholders): string {
  return template.replaceAll(/\{([^{}]*)\}/g, (_whole, name: string) => {
    if (Object.hasOwn(values, name)) return values[name as keyof Placeholders];
    throw new ConfigurationError(
      `customers-notice holds {${name}}, which stands for nothing. It may hold ${Object.keys(values)
        .map((known) => `{${known}}`)
        .join(', ')}.`,
    );
  });
}
