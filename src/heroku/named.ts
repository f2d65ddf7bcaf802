import { z } from 'zod';

/** How Heroku's resources refer to each other. */
export const named = z.object({ name: z.string() });
