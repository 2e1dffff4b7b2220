import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AGENT_VERSION, compareVersions, nextVersion, VERSION_PATTERN } from '../../src/model/version.js';

test('versions are ordered as semver.org 11 says', () => {
  const ascending = [
    '0.9.0',
    '1.0.0-alpha',
    '1.0.0-alpha.1',
    '1.0.0-alpha.beta',
    '1.0.0-beta',
    '1.0.0-beta.2',
    '1.0.0-beta.11',
    '1.0.0-rc.1',
    '1.0.0',
    '1.0.1',
    '1.2.0',
    '1.10.0',
    '2.0.0',
  ];
  for (let i = 0; i < ascending.length; i++) {
    for (let j = 0; j < ascending.length; j++) {
      assert.equal(
        Math.sign(compareVersions(ascending[i]!, ascending[j]!)),
        Math.sign(i - j),
        `${ascending[i]} ${ascending[j]}`,
      );
    }
  }
});

test('what is no version is refused', () => {
  for (const text of ['1.0', 'v1.0.0', '1.0.0+build', '01.0.0', '1.0.0-', '']) {
    assert.throws(() => compareVersions(text, '1.0.0'), /is not a version/, text);
  }
  assert.match(AGENT_VERSION, VERSION_PATTERN);
});

test('the next version is the next patch, and a pre-release stays one', () => {
  assert.equal(nextVersion('1.2.9'), '1.2.10');
  assert.equal(nextVersion('1.0.0-rc.1'), '1.0.1-rc.1');
  for (const version of ['0.0.0', '1.2.9', '1.0.0-rc.1']) assert.ok(compareVersions(nextVersion(version), version) > 0);
  assert.throws(() => nextVersion('1.0'), RangeError);
});
