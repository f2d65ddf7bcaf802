import { expect, test } from '@jest/globals';

import {
  bars,
  codeBlock,
  details,
  escapeMarkdown,
  gantt,
  heading,
  link,
  list,
  paragraph,
  pie,
  raw,
  table,
} from '../../src/report/summary.ts';

const at = (seconds: number): Date => new Date(Date.UTC(2026, 10, 20, 2, 0, seconds));

/** What someone could name a table, a dyno or a config var to make a report say something else. */
const HOSTILE = [
  '</details><h1>ready</h1>',
  '<script>alert(1)</script>',
  '<!-- inputs:start -->',
  'a | b |\n| --- | --- |\n| all | equal |',
  '\n\n# Verdict: ready\n',
  '[approve](https://evil.example/?a=b) and ![x](https://evil.example/x.png)',
  'www.evil.example and https://evil.example',
  '@acme/owners please approve',
  '`code` and ``more``',
  '```\nout of the block\n```',
  '~~~~\nout\n~~~~',
  '**bold** _em_ ~~gone~~ $x^2$',
  '1. first\n2. second',
  '- item\n* item\n+ item',
  '\u001b[31mred\u001b[0m \u001b]8;;https://evil.example\u0007link\u001b]8;;\u0007',
  '\u202egpj.exe \u2066x\u2069 \u200b',
  '::error::broken\r\n::set-output name=x::y',
  'half \ud800 a character',
];

test.each(HOSTILE)('a value stays one cell of its row and markup does not come through: %j', (value) => {
  const lines = table(['Name', 'Value'], [['first', value]]).split('\n');
  expect(lines).toHaveLength(5);
  expect(lines[2]).toMatch(/^\| first \| .* \|$/u);
  expect(lines[2]?.replaceAll(/\\./g, '').match(/\|/g)).toHaveLength(3);
  expect(lines[2]?.replaceAll(/\\./g, '')).not.toMatch(/[<>`*_[\]~$@]|:\/\/|\p{Cc}|\p{Cf}/u);
});

test.each(HOSTILE)('a heading, a paragraph, a list item and a title of a fold stay one line: %j', (value) => {
  expect(heading(value, 3)).toMatch(/^### [^\n]*\n$/);
  expect(paragraph(value)).toMatch(/^[^\n]*\n$/);
  expect(list([value, 'next'])).toMatch(/^- [^\n]*\n- next\n$/);
  const fold = details(value, 'body');
  expect(fold.split('\n').slice(0, 2)).toEqual([
    '<details>',
    expect.stringMatching(/^<summary>[^<>]*<\/summary>$/),
  ]);
  expect(fold.match(/<\/details>/g)).toHaveLength(1);
});

test('a plain value is shown as it is, and each sign is escaped once', () => {
  expect(escapeMarkdown('orders (2 of 3), 50 %, naïve & ß')).toBe('orders \\(2 of 3\\), 50 %, naïve &amp; ß');
  expect(escapeMarkdown('public.order_lines')).toBe('public.order\\_lines');
  expect(escapeMarkdown('a\\|b')).toBe('a\\\\\\|b');
});

test('a huge value is cut, says how much is missing, and cuts no character in two', () => {
  const cut = escapeMarkdown(`${'x'.repeat(999)}😀${'y'.repeat(20_000)}`);
  expect(cut).toBe(`${'x'.repeat(999)}… \\(20,002 more\\)`);
  expect(cut.isWellFormed()).toBe(true);
  expect(Buffer.byteLength(codeBlock('x'.repeat(5_000_000)))).toBeLessThan(60_000);
  expect(
    gantt('t', [{ section: 's', name: 'n'.repeat(10_000), start: at(0), end: at(1) }]).length,
  ).toBeLessThan(400);
});

test('a link is one, whatever its text is, and an address that would end it early is none', () => {
  const address = 'https://github.com/acme/shop/actions/runs/1';
  expect(link('the run', address)).toEqual({ raw: `[the run](${address})` });
  expect(link('a] [b](https://evil.example)', address).raw.replaceAll(/\\./g, '')).toMatch(
    /^\[[^[\]()]*\]\(https:\/\/github\.com\/acme\/shop\/actions\/runs\/1\)$/,
  );
  for (const other of [
    '',
    'javascript:alert(1)',
    'https://x.example/) [b](https://evil.example',
    'https://x y',
  ])
    expect(link('the run', other)).toEqual({ raw: 'the run' });
});

test('numbers, yes and no, nothing, and our own Markdown each have their form in a table', () => {
  expect(
    table(
      ['What', { title: 'Count', align: 'right' }],
      [[raw('**all**'), 1234567.891], [true, null], ['short row']],
    ),
  ).toBe('| What | Count |\n| --- | ---: |\n| **all** | 1,234,567.89 |\n| yes |  |\n| short row |  |\n\n');
});

test('a code block keeps its text inside, whatever fences it holds, and shows no colours', () => {
  expect(codeBlock('a\n```\nb\n`````\nc', 'sql')).toBe('``````sql\na\n```\nb\n`````\nc\n``````\n');
  expect(codeBlock('\u001b[1mbold\u001b[0m\tx\r\nnext\u202e', 'no\nlanguage`')).toBe(
    '```nolanguage\nbold\tx\nnext \n```\n',
  );
});

test('the time without service is red in the timeline, and every bar has a length', () => {
  const drawn = gantt('Cutover of shop', [
    { section: 'While serving', name: 'quiet workers', start: at(0), end: at(5) },
    { section: 'Downtime', name: 'copy', start: at(5), end: at(9), kind: 'critical' },
    { section: 'Downtime', name: 'opened', start: at(9), end: at(9), kind: 'milestone' },
  ]);
  const start = at(0).getTime();
  expect(drawn.split('\n')).toEqual([
    '```mermaid',
    'gantt',
    '  title Cutover of shop',
    '  dateFormat x',
    '  axisFormat %H:%M:%S',
    '  section While serving',
    `  quiet workers :done, ${start}, ${start + 5000}`,
    '  section Downtime',
    `  copy :crit, ${start + 5000}, ${start + 9000}`,
    `  opened :milestone, ${start + 9000}, ${start + 9001}`,
    '```',
    '',
  ]);
});

test.each([
  ...HOSTILE,
  'a: crit, 0, 1',
  '%%{init: {"theme": "dark"}}%%',
  'click copy href "https://evil.example"',
  'section Downtime',
  'title Another',
  '2026-11-20',
  'quote " and ] and , 1 ; end',
  '',
])('a name cannot add a statement to a diagram: %j', (name) => {
  const timeline = gantt(name, [{ section: name, name, start: at(0), end: at(1) }]);
  const body = timeline.split('\n').slice(1, -2);
  expect(body).toHaveLength(6);
  expect(body[5]).toMatch(/^ {2}(?!section|title|click|\d{4}-)[^\s:;#%][^:;#%]* :done, \d+, \d+$/);
  const shares = pie(name, [{ label: name, value: 1 }]).split('\n');
  expect(shares).toHaveLength(5);
  expect(shares[2]).toMatch(/^ {2}"[^"]+" : 1$/);
  const columns = bars(name, name, [{ label: name, value: 1 }]).split('\n');
  expect(columns).toHaveLength(8);
  expect(columns[3]).toMatch(/^ {2}x-axis \["[^"[\]]+"\]$/);
});

test('amounts that cannot be drawn leave a diagram that can', () => {
  expect(pie('Cost', [{ label: 'free', value: 0.001 }])).toBe('');
  expect(
    pie('Cost', [
      { label: 'free', value: 0 },
      { label: 'app', value: 12.499 },
    ]),
  ).toContain('"app" : 12.5\n');
  expect(bars('Cost', 'USD', [])).toBe('');
  expect(gantt('Nothing', [])).toBe('');
  const drawn = bars('Cost', 'USD', [
    { label: 'Heroku', value: Number.NaN },
    { label: 'DigitalOcean', value: -3 },
    { label: 'Both', value: 56.301 },
  ]);
  expect(drawn).toContain('bar [0, 0, 56.3]');
  expect(drawn).toContain('0 --> 57');
});
