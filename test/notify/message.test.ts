import { expect, test } from '@jest/globals';

import { escapeSlack, slackBody, textOf, webhookBody, type Notice } from '../../src/notify/message.ts';
import { fillTemplate } from '../../src/notify/template.ts';

const notice: Notice = {
  milestone: 'maintenance-on',
  application: 'shop',
  environment: 'production',
  at: new Date('2026-11-27T03:00:00Z'),
  runUrl: 'https://github.com/acme/shop/actions/runs/7',
};

test('one line says what has happened to whom', () => {
  expect(textOf(notice)).toBe("shop (production): Heroku's maintenance page stands: the downtime has begun.");
  expect(textOf({ ...notice, milestone: 'customers-notice', text: 'Back soon.', test: true })).toBe(
    'TEST: Back soon.',
  );
});

test('the JSON of the generic webhook', () => {
  expect(webhookBody(notice)).toEqual({
    version: 1,
    milestone: 'maintenance-on',
    application: 'shop',
    environment: 'production',
    at: '2026-11-27T03:00:00.000Z',
    text: "shop (production): Heroku's maintenance page stands: the downtime has begun.",
    'run-url': 'https://github.com/acme/shop/actions/runs/7',
    test: false,
  });
});

test('a name can neither call a channel nor make a link nor a second line', () => {
  const hostile = 'a\n<!channel> <https://evil.example|click> @here *&amp;\u202e';
  const { text, mrkdwn } = slackBody({ ...notice, application: hostile }) as {
    text: string;
    mrkdwn: boolean;
  };
  expect(text).not.toMatch(/[<>]|@h|\u202e/);
  expect(text.split('\n')).toHaveLength(2);
  expect(text).toContain('&lt;!channel&gt;');
  expect(text).toContain('&amp;amp;');
  expect(mrkdwn).toBe(false);
  expect(escapeSlack('a@b')).toBe('a@\u200bb');
});

test('a text without end is cut', () => {
  expect(textOf({ ...notice, text: '💥'.repeat(2_000) })).toHaveLength(1_001);
});

test('the words for customers say what stands for what, once and unread', () => {
  const values = {
    application: '{downtime}',
    environment: 'p',
    domains: 'shop.example.com',
    downtime: '5 min',
  };
  expect(fillTemplate('{application} at {domains}: {downtime}. $& stays', values)).toBe(
    '{downtime} at shop.example.com: 5 min. $& stays',
  );
  expect(() => fillTemplate('Dear {customer}', values)).toThrow(
    'customers-notice holds {customer}, which stands for nothing. It may hold {application}, {environment}, {domains}, {downtime}.',
  );
  expect(() => fillTemplate('{toString}', values)).toThrow('stands for nothing');
});
