import { randomUUID } from 'node:crypto';
import { exchange, type Reply } from './exchange.ts';
import type { LedgerWriter } from './ledger.ts';
import type { PublicAgent } from './public-agent.ts';
import type { LoadReport } from './report.ts';

/** As Shopify's: who has not answered after 5 s has not got it. */
const patienceMs = 5000;
const firstPauseMs = 1000;
const longestPauseMs = 8000;

export interface WebhookSender {
  /** Sends one delivery, again and again, until it is acknowledged or `signal` is aborted. */
  deliver(signal: AbortSignal): Promise<void>;
  figures(): LoadReport['webhooks'];
}

export interface WebhookSenderOptions {
  agent: PublicAgent;
  hostName: string;
  ledger: LedgerWriter;
  note: (reply: Reply) => void;
  sleep: (milliseconds: number, signal: AbortSignal) => Promise<void>;
}

export function createWebhookSender({
  agent,
  hostName,
  ledger,
  note,
  sleep,
}: WebhookSenderOptions): WebhookSender {
  const figures = { sent: 0, acknowledged: 0, attempts: 0, givenUp: 0, slowestMs: 0 };
  return {
    deliver: async (signal) => {
      const body = { id: randomUUID(), topic: 'orders/updated', body: { sentAt: new Date().toISOString() } };
      figures.sent += 1;
      for (let pause = firstPauseMs; !signal.aborted; pause = Math.min(pause * 2, longestPauseMs)) {
        const reply = await exchange(agent, hostName, {
          method: 'POST',
          path: '/webhooks',
          body,
          timeoutMs: patienceMs,
        });
        figures.attempts += 1;
        figures.slowestMs = Math.max(figures.slowestMs, reply.endedAt - reply.startedAt);
        if (reply.timedOut) figures.givenUp += 1;
        note(reply);
        if (reply.status >= 200 && reply.status < 300) {
          ledger.add('webhook', body.id);
          figures.acknowledged += 1;
          return;
        }
        await sleep(pause, signal);
      }
    },
    figures: () => ({ ...figures, outstanding: figures.sent - figures.acknowledged }),
  };
}
