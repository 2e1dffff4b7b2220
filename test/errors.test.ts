import assert from 'node:assert/strict';
import { test } from 'node:test';
import { reasonOf, SideglanceError } from '../src/errors.js';

test('an error keeps its code, its cause and an exit code that tells usage from failure', () => {
  const cause = new Error('disk full');
  const failure = new SideglanceError('SG_STORAGE', 'cannot write model.onnx', { cause });
  assert.equal(failure.code, 'SG_STORAGE');
  assert.equal(failure.cause, cause);
  assert.equal(failure.exitCode, 1);
  assert.equal(new SideglanceError('SG_CONFIG_INVALID', 'config.yaml:1:1').exitCode, 2);
  assert.equal(reasonOf('text'), 'text');
});
