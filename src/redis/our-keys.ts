/** Keys under this prefix are the migration's own: never carried, compared or deleted with the application's. */
export const OUR_PREFIX = 'heroku-to-digitalocean:';
