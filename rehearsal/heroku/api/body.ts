import { z } from 'zod';
import type { Call } from './route.ts';
import { invalid, Refusal } from './refusal.ts';

/**
 * The request's body in the form that an endpoint takes.
 *
 * @throws Refusal 422 naming the fields that do not fit, as Heroku does; 400 without a JSON object
 */
export function bodyOf<T>(call: Call, schema: z.ZodType<T>): T {
  if (typeof call.body !== 'object' || call.body === null) {
    throw new Refusal(400, 'bad_request', 'Unable to parse the JSON request body.');
  }
  const parsed = schema.safeParse(call.body);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map(({ path, message }) => `${path.join('.') || 'body'}: ${message}`);
  throw invalid(`Invalid params: ${problems.join('; ')}`);
}

/** A whole number, also as text: the CLI sends quantities as strings. */
export const quantity = z
  .union([z.number(), z.string().regex(/^\d+$/).transform(Number)])
  .refine((value) => Number.isInteger(value) && value >= 0, 'must be a whole number, at least 0');

/** How a resource refers to another one: by id or name, bare or in an object. */
export const reference = z
  .union([z.string(), z.object({ id: z.string() }), z.object({ name: z.string() })])
  .transform((value) => (typeof value === 'string' ? value : 'id' in value ? value.id : value.name));
