import { readFileSync } from 'node:fs';
import { registerHooks } from 'node:module';

/**
 * Parses each file given as an argument with GitHub's own parser and prints its errors as JSON. A program of its own,
 * because the package imports JSON without the attribute that Node asks for: a hook adds it.
 */
registerHooks({
  load: (url, context, next) =>
    next(url, url.endsWith('.json') ? { ...context, importAttributes: { type: 'json' } } : context),
});
const { parseWorkflow, convertWorkflowTemplate, NoOperationTraceWriter } =
  await import('@actions/workflow-parser');

const errors: Record<string, string[]> = {};
for (const file of process.argv.slice(2)) {
  const parsed = parseWorkflow(
    { name: file, content: readFileSync(file, 'utf8') },
    new NoOperationTraceWriter(),
  );
  if (parsed.value) await convertWorkflowTemplate(parsed.context, parsed.value);
  errors[file] = parsed.context.errors.getErrors().map(({ message }) => message);
}
console.log(JSON.stringify(errors));
