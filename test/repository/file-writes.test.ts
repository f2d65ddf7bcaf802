import { expect, test } from '@jest/globals';
import { CODE_RULES } from '../../src/repository/code-rules.ts';

function writesIn(path: string, line: string): string[] {
  return CODE_RULES.filter(({ kind, files }) => kind === 'local-disk' && files?.test(path) !== false)
    .filter(({ words }) => words.some((word) => line.includes(word)))
    .flatMap((rule) => [...line.matchAll(rule.pattern)].map((found) => rule.what(found, line)))
    .filter((what) => what !== undefined);
}

test.each([
  ['app/jobs/export.rb', 'File.write("/app/tmp/export.csv", csv)', 'File.write'],
  ['app/jobs/export.rb', "IO.binwrite('exports/all.bin', data)", 'IO.binwrite'],
  ['app/jobs/export.rb', "File.open('exports/a.csv', 'w') do |f|", 'File.open'],
  ['app/jobs/export.rb', "open('exports/a.csv', 'ab')", 'open'],
  ['app/jobs/export.rb', "Pathname.new('exports/a').write(x)", 'Pathname.new'],
  ['app/jobs/export.rb', "Rails.root.join('exports', 'a.csv').write(x)", 'Rails.root'],
  ['app/jobs/export.rb', "FileUtils.cp(upload.path, 'public/a.png')", 'FileUtils.cp'],
  ['src/export.ts', "await fs.writeFile('./exports/a.csv', csv)", 'writeFile'],
  ['src/export.js', 'fs.createWriteStream(`exports/${id}.csv`)', 'createWriteStream'],
  ['src/upload.js', "fs.writeFileSync('public/a.png', x)", 'writeFileSync'],
  ['app/views.py', "with open('exports/a.csv', 'w') as f:", 'open'],
  ['app/views.py', "open(f'exports/{name}', mode='ab')", 'open'],
])('%s: %s is a write to the disk', (path, line, what) => {
  expect(writesIn(path, line)).toEqual([what]);
});

test.each([
  ['app/jobs/export.rb', 'File.write("/tmp/export.csv", csv)'],
  ['app/jobs/export.rb', "File.open('config/a.yml')"],
  ['app/jobs/export.rb', "File.open('config/a.yml', 'r')"],
  ['app/jobs/export.rb', "FileUtils.cp(upload.path, '/tmp/a')"],
  ['src/export.ts', "fs.writeFile('/tmp/a.csv', csv)"],
  ['scripts/make.js', "fs.writeFileSync('src/routes.js', x)"],
  ['webpack.config.js', "fs.writeFileSync('dist/a.js', x)"],
  ['app/views.py', "open('/tmp/a.csv', 'w')"],
  ['app/views.py', "open('data.json', 'r')"],
])('%s: %s is none', (path, line) => {
  expect(writesIn(path, line)).toEqual([]);
});
