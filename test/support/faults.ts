import assert from 'node:assert/strict';
import { type ErrorCode, SideglanceError } from '../../src/errors.js';

/** For `assert.throws` and `assert.rejects`: a SideglanceError with this code, whose message matches. */
export function fault(code: ErrorCode, message: RegExp): (thrown: unknown) => boolean {
  return (thrown) => {
    assert.ok(thrown instanceof SideglanceError, String(thrown));
    assert.equal(thrown.code, code, thrown.message);
    assert.match(thrown.message, message);
    return true;
  };
}
