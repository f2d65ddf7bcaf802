import { ConfigurationError } from '../../src/errors.ts';
import type { InputDefinition } from './workflow-file.ts';

/**
 * The `inputs` context from what was given and what a trigger declares. Throws for an input that is missing, not
 * declared, of the wrong type or not among the choices.
 */
export function bindInputs(
  declared: Record<string, InputDefinition>,
  given: Record<string, unknown>,
  where: string,
): Record<string, unknown> {
  for (const name of Object.keys(given)) {
    if (!(name in declared)) throw new ConfigurationError(`${where} has no input "${name}".`);
  }
  return Object.fromEntries(
    Object.entries(declared).map(([name, input]) => [name, bindInput(name, input, given[name], where)]),
  );
}

function bindInput(name: string, input: InputDefinition, given: unknown, where: string): unknown {
  const type = input.type ?? 'string';
  const empty = type === 'boolean' ? false : type === 'number' ? 0 : '';
  if (input.required === true && (given === undefined || given === '')) {
    throw new ConfigurationError(`${where}: the input "${name}" is required and was not given.`);
  }
  // A number or boolean from the file or a form reaches a text input as text.
  const taken = given ?? input.default ?? empty;
  const value =
    type !== 'boolean' && type !== 'number' && ['number', 'boolean'].includes(typeof taken)
      ? JSON.stringify(taken)
      : taken;
  if (type === 'boolean' || type === 'number') {
    const parsed: unknown = typeof value === 'string' ? JSON.parse(value) : value;
    if (typeof parsed !== type)
      throw new ConfigurationError(`${where}: the input "${name}" must be a ${type}.`);
    return parsed;
  }
  if (typeof value !== 'string')
    throw new ConfigurationError(`${where}: the input "${name}" must be a text.`);
  if (type === 'choice' && !(input.options ?? []).includes(value)) {
    throw new ConfigurationError(
      `${where}: "${value}" is no choice of the input "${name}" (${(input.options ?? []).join(', ')}).`,
    );
  }
  return value;
}
