/** Keys under this prefix are the migration's own: never carried, compared or deleted with the application's. */
export const OUR_PREFIX = 'heroku-to-digitalocean:';

/** What the migration and the new server's droplet tell each other begins with this. */
export const DROPLET_KEYS = `${OUR_PREFIX}droplet`;
/** All of these keys; the droplet writes some of them before anything was copied. */
export const DROPLET_MARKS = [
  'certificate',
  'certificate-problem',
  'image',
  'image-runs',
  'image-problem',
].map((name) => `${DROPLET_KEYS}:${name}`);
