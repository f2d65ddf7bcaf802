/** redis 7.4 for amd64 and arm64, by the digest of its index: what runs is what was tested. */
export const REDIS_IMAGE =
  'redis:7.4-alpine@sha256:ff02b58f971e7d7d156a1267e283fcbbeee91773b6aa36c49dac28ecfe28eadf';

/** An image by digest, as the droplet takes it. */
export const IMAGE_BY_DIGEST = /^[a-z0-9][a-z0-9./_-]*(:[A-Za-z0-9._-]+)?@sha256:[0-9a-f]{64}$/;
