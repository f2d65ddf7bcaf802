import { z } from 'zod';
import { expect, type DigitalOcean } from './client.ts';

const accountSchema = z.object({
  account: z.object({
    status: z.string().default('active'),
    status_message: z.string().nullish(),
    droplet_limit: z.number().default(0),
  }),
});

/** Whether the token works and the account may create things; its limits. Needs `account:read`. */
export async function readAccount(
  client: DigitalOcean,
): Promise<{ status: string; message: string; dropletLimit: number }> {
  const { account } = expect(await client.dots.account.getAccount(), accountSchema, 'GET /account');
  return {
    status: account.status,
    message: account.status_message ?? '',
    dropletLimit: account.droplet_limit,
  };
}
