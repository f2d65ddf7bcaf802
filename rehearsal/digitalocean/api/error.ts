import type { z } from 'zod';

/** An answer that is not a success, with DigitalOcean's error body `{id, message, request_id}`. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly status: number;
  readonly id: string;

  constructor(status: number, id: string, message: string) {
    super(message);
    this.status = status;
    this.id = id;
  }
}

export function notFound(): ApiError {
  return new ApiError(404, 'not_found', 'The resource you were accessing could not be found.');
}

export function unprocessable(message: string): ApiError {
  return new ApiError(422, 'unprocessable_entity', message);
}

export function conflict(message: string): ApiError {
  return new ApiError(409, 'conflict', message);
}

/** The body as the schema has it; 422 with the first problem otherwise. */
export function parseBody<T>(schema: z.ZodType<T>, body: unknown): T {
  const parsed = schema.safeParse(body);
  if (parsed.success) return parsed.data;
  throw unprocessable(firstProblem(parsed.error));
}

/** `services.0.image: …`: where, then what. */
export function firstProblem(error: z.ZodError): string {
  const [issue] = error.issues;
  const where = issue?.path.join('.') ?? '';
  return `${where === '' ? 'body' : where}: ${issue?.message ?? 'is invalid'}`;
}
