import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Under this name Docker keeps logins to Docker Hub. */
const DOCKER_HUB = 'https://index.docker.io/v1/';

/**
 * A configuration of Docker's that is logged in to the registry of one image: a directory in `parent`, which must be one
 * that only this user can enter. By a file rather than by `docker login`, whose user name, for some registries the token
 * itself, would stand in the list of processes.
 */
export async function loggedIn(
  parent: string,
  image: string,
  login: { user: string; password: string },
): Promise<string> {
  const directory = join(parent, 'docker');
  const auth = Buffer.from(`${login.user}:${login.password}`).toString('base64');
  await mkdir(directory, { mode: 0o700 });
  await writeFile(
    join(directory, 'config.json'),
    JSON.stringify({ auths: { [registryOf(image)]: { auth } } }),
    {
      mode: 0o600,
      flag: 'wx',
    },
  );
  return directory;
}

/** `ghcr.io` of `ghcr.io/acme/shop@sha256:…`. */
function registryOf(image: string): string {
  const first = image.includes('/') ? (image.split('/')[0] ?? '') : '';
  return first === 'docker.io' || !/[.:]/.test(first) ? DOCKER_HUB : first;
}
