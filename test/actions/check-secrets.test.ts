import { expect, test } from '@jest/globals';
import { readCheckSecrets } from '../../actions/verify/check-secrets.ts';
import { edgeOf } from './edge-of.ts';

test('the secrets of checks are a JSON object of texts, each masked; anything else is refused without being shown', () => {
  const masked: string[] = [];
  const read = (text: string): Record<string, string> =>
    readCheckSecrets({ ...edgeOf({ 'check-secrets': text }), mask: (value) => void masked.push(value) });
  expect(read('{"SHOP_PASSWORD":"hunter22"}')).toEqual({ SHOP_PASSWORD: 'hunter22' });
  expect(masked).toEqual(['hunter22']);
  expect(read('')).toEqual({});
  for (const wrong of ['hunter22', '["hunter22"]', '{"A":{"B":"hunter22"}}', '{"A-B":"hunter22"}']) {
    expect(() => read(wrong)).toThrow(/JSON object of names and texts/);
    expect(() => read(wrong)).not.toThrow(/hunter22/);
  }
});
