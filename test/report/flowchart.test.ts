import { expect, test } from '@jest/globals';
import { flowchart } from '../../src/report/flowchart.ts';

test('a name from outside cannot become part of the diagram', () => {
  const text = flowchart(
    [
      {
        title: 'Today"]\nclick n0 "javascript:alert(1)"',
        nodes: [{ id: 'a', lines: ['web"]; n0 --> x', '<b>`'] }],
      },
      { title: 'Tomorrow', nodes: [{ id: 'b', lines: ['service'], shape: 'database' }] },
    ],
    [
      { from: 'a', to: 'b', label: 'copy|end', dashed: true },
      { from: 'a', to: 'nobody' },
    ],
  );
  const lines = text.split('\n');
  expect(lines[0]).toBe('```mermaid');
  expect(lines[1]).toBe('flowchart LR');
  expect(lines.filter((line) => line.trim().startsWith('click'))).toEqual([]);
  // The only arrow is ours; what looks like one stays inside the quotes of its label.
  expect(lines.filter((line) => line.replaceAll(/"[^"]*"/g, '').includes('->'))).toEqual([
    '  n0 -.->|"copy end"| n1',
  ]);
  expect(text).toContain('n1[("service")]');
  expect(text.match(/"/g)?.length).toBe(10);
});

test('nothing is drawn of nothing', () => {
  expect(flowchart([{ title: 'Today', nodes: [] }], [])).toBe('');
});
