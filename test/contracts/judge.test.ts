import { expect, test } from '@jest/globals';
import type { Asked } from '../../rehearsal/asked.ts';
import { hasContract } from '../rehearsal/digitalocean/openapi.ts';
import { judgeAsked } from './judge.ts';

// What is noted in every run of the tests is judged after the last of them (teardown.mjs); here, that it can fail.

const vpc = { id: '5a4981aa-9653-4bd1-bef5-d6bff52042e4', name: 'shop', region: 'fra1' };
const made: Asked = {
  platform: 'digitalocean',
  dialect: 'v2',
  method: 'POST',
  path: '/v2/vpcs',
  scope: 'vpc:create',
  ours: true,
  status: 201,
  body: { name: 'shop', region: 'fra1' },
  answer: { vpc },
};
const apps: Asked = {
  platform: 'heroku',
  dialect: 'platform',
  method: 'GET',
  path: '/apps/:app/config-vars',
  scope: 'read-protected',
  ours: true,
  status: 200,
  answer: { RAILS_ENV: 'production' },
};
const described = hasContract ? test : test.skip;
const suffix = hasContract ? '' : ' (skipped: ../shared/contracts does not lie beside the project)';

test('nothing asked is nothing to judge; what is right is told in a line', () => {
  expect(judgeAsked([])).toEqual({ told: '', problems: [] });
  const { told, problems } = judgeAsked([made, apps]);
  expect(problems).toEqual([]);
  expect(told).toMatch(/^Asked of the played platforms: 2 endpoints, 2 shapes/);
});

test.each<[string, Asked, RegExp]>([
  ['an endpoint that the document does not list', { ...made, method: 'PURGE' }, /PURGE \/v2\/vpcs/],
  [
    'another scope than it lists',
    { ...apps, scope: 'global' },
    /\(global\) does not stand in docs\/endpoints\.md/,
  ],
])('%s is a problem', (_, asked, problem) => {
  expect(judgeAsked([asked]).problems.join('\n')).toMatch(problem);
});

described('a list may be read page by page, also where its own description does not repeat that', () => {
  const databases: Asked = {
    ...made,
    ...{ method: 'GET', path: '/v2/databases', scope: 'database:read', status: 200, body: undefined },
    ...{ query: ['page', 'per_page'], answer: { databases: [] } },
  };
  expect(judgeAsked([databases]).problems).toEqual([]);
  expect(judgeAsked([{ ...databases, query: ['pages'] }]).problems.join()).toMatch(/has no parameter pages/);
});

described.each<[string, Asked, RegExp]>([
  ['a request of ours', { ...made, body: { name: 7 } }, /POST \/v2\/vpcs body/],
  [
    'an answer of the played DigitalOcean',
    { ...made, answer: { vpc: { ...vpc, id: 7 } } },
    /POST \/v2\/vpcs 201/,
  ],
  [
    'a parameter of ours',
    {
      ...made,
      method: 'GET',
      status: 200,
      scope: 'vpc:read',
      query: ['page', 'sort_by_moon'],
      body: undefined,
      answer: { vpcs: [], links: {}, meta: { total: 0 } },
    },
    /GET \/v2\/vpcs has no parameter sort_by_moon/,
  ],
  [
    'a request of ours to Heroku',
    {
      ...apps,
      method: 'PATCH',
      path: '/apps/:app/formation/:type',
      body: { quantity: 'many' },
      answer: undefined,
    },
    /PATCH \/apps\/:app\/formation\/:type body: \/quantity must be integer/,
  ],
  [
    'an endpoint of ours at Heroku',
    { ...apps, path: '/apps/:app/moons' },
    /GET \/apps\/:app\/moons is not described by Heroku/,
  ],
  ['an answer of the played Heroku', { ...apps, answer: ['RAILS_ENV'] }, /GET \/apps\/:app\/config-vars 200/],
  ['a scope', { ...made, scope: 'vpc:read' }, /needs vpc:create, and is played with vpc:read/],
])(`%s that is not as described is a problem${suffix}`, (_, asked, problem) => {
  expect(judgeAsked([asked]).problems.join('\n')).toMatch(problem);
});

described(`what a stranger sends may be wrong, and what was refused, too${suffix}`, () => {
  const wrong = { ...made, body: { name: 7 } };
  expect(judgeAsked([{ ...wrong, ours: false }]).problems).toEqual([]);
  const refusal = { id: 'unprocessable_entity', message: 'name is invalid' };
  expect(judgeAsked([{ ...wrong, status: 422, answer: refusal }]).problems).toEqual([]);
});
