import { ConfigurationError } from '../errors.ts';

/** The official images by the digest of their index, newest of each major version in autumn 2026; Alpine: small to pull. */
const POSTGRES_IMAGES: Readonly<Record<number, string>> = {
  14: 'postgres:14-alpine@sha256:4ea9e5ed06591da7ea23eb65465e8d3187fe79f4d5ec3ae976d29a33b013e77a',
  15: 'postgres:15-alpine@sha256:fe0737ba566a2c5b2a28f34433c0a423261900ec17b9bf7ad115e1aae7e57f1b',
  16: 'postgres:16-alpine@sha256:57c72fd2a128e416c7fcc499958864df5301e940bca0a56f58fddf30ffc07777',
  17: 'postgres:17-alpine@sha256:742f40ea20b9ff2ff31db5458d127452988a2164df9e17441e191f3b72252193',
  18: 'postgres:18-alpine@sha256:9a8afca54e7861fd90fab5fdf4c42477a6b1cb7d293595148e674e0a3181de15',
};

/** PostgreSQL of this major version. @throws ConfigurationError for one whose image is not known here */
export function postgresImage(major: number): string {
  const image = POSTGRES_IMAGES[major];
  if (image !== undefined) return image;
  throw new ConfigurationError(
    `The plan says PostgreSQL ${major}, and only ${Object.keys(POSTGRES_IMAGES).join(', ')} are known as images. Give one in the ` +
      'input `try-postgres-image`, by digest. Nothing was changed.',
  );
}
