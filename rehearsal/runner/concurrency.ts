import { ConfigurationError } from '../../src/errors.ts';
import { renderText } from './expression.ts';
import { callContexts } from './workflow-call.ts';
import type { WorkflowCall } from './workflow-call.ts';

/**
 * Notes the concurrency group that a workflow wants; one machine has no other run in it. A called workflow that wants
 * the group which its caller holds would wait for itself: GitHub cancels such a run, and this throws.
 */
export function joinGroup(call: WorkflowCall): string[] {
  const { concurrency, path } = call.workflow;
  if (concurrency === undefined) return call.groups;
  const template = typeof concurrency === 'string' ? concurrency : concurrency.group;
  const group = renderText(template, { contexts: callContexts(call) }).toLowerCase();
  if (call.groups.includes(group)) {
    throw new ConfigurationError(
      `Canceling since a deadlock was detected for concurrency group: '${group}' between a caller and ${path}.`,
    );
  }
  call.shared.emit({
    type: 'note',
    message: `Concurrency group "${group}": noted; one machine has no other run in it.`,
  });
  return [...call.groups, group];
}
