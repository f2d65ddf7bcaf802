/** Heroku's time stamps have no fractions of a second. */
export function time(date: Date): string {
  return date.toISOString().replace(/\.\d+Z$/, 'Z');
}

/** `created_at` and `updated_at` of anything. */
export function times(of: { createdAt: Date; updatedAt: Date }): { created_at: string; updated_at: string } {
  return { created_at: time(of.createdAt), updated_at: time(of.updatedAt) };
}

/** How resources refer to each other. */
export function identity(of: { id: string; name: string }): { id: string; name: string } {
  return { id: of.id, name: of.name };
}
