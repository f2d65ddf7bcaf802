import { ConfigurationError } from '../errors.ts';

/** Where App Platform pulls an image from, in the words of its spec. */
export interface ImageSource {
  registry_type: 'DOCR' | 'GHCR' | 'DOCKER_HUB';
  /** Empty for DigitalOcean's own registry, which belongs to the account. */
  registry: string;
  repository: string;
  digest: string;
}

const OWN_REGISTRY = /^registry\.digitalocean\.com\/(?<name>[^/]+)\/(?<repository>[^@:]+)/;

/** The name of the registry at DigitalOcean that an image lies in; `undefined` when it lies elsewhere. */
export function registryOf(reference: string | undefined): string | undefined {
  return repositoryOf(reference)?.registry;
}

/** Registry and repository at DigitalOcean of an image, or of where it will be pushed; `undefined` for any other place. */
export function repositoryOf(
  reference: string | undefined,
): { registry: string; repository: string } | undefined {
  const { name, repository } = OWN_REGISTRY.exec(reference?.trim() ?? '')?.groups ?? {};
  return name === undefined || repository === undefined ? undefined : { registry: name, repository };
}

/**
 * Reads `registry/repository@sha256:…`. A tag is refused: what is deployed must be what was tested.
 * Known registries: registry.digitalocean.com, ghcr.io and Docker Hub.
 */
export function parseImageReference(reference: string): ImageSource {
  const match = /^(?<path>[^@]+)@(?<digest>sha256:[0-9a-f]{64})$/.exec(reference.trim());
  const { path, digest } = match?.groups ?? {};
  if (path === undefined || digest === undefined) {
    throw new ConfigurationError(
      `The input image is "${reference}" and must name a digest: repository@sha256: and 64 hexadecimal digits. ` +
        '`docker buildx build --push --metadata-file` tells it as containerimage.digest.',
    );
  }
  const parts = path.split('/');
  const [first = '', second = '', ...rest] = parts;
  if (first === 'registry.digitalocean.com' && rest.length > 0) {
    return { registry_type: 'DOCR', registry: '', repository: rest.join('/'), digest };
  }
  if (first === 'ghcr.io' && rest.length > 0) {
    return { registry_type: 'GHCR', registry: second, repository: rest.join('/'), digest };
  }
  if (first === 'docker.io' && rest.length > 0) {
    return { registry_type: 'DOCKER_HUB', registry: second, repository: rest.join('/'), digest };
  }
  if (parts.length === 2 && !first.includes('.') && !first.includes(':')) {
    return { registry_type: 'DOCKER_HUB', registry: first, repository: second, digest };
  }
  throw new ConfigurationError(
    `The input image names the registry "${first}", which App Platform cannot pull from. ` +
      'Push to registry.digitalocean.com/<registry>, ghcr.io/<owner> or Docker Hub.',
  );
}
