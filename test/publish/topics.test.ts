import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SideglanceError } from '../../src/errors.js';
import { deviceTopics, topicNameFault } from '../../src/publish/topics.js';

const device = { site: 'ulm', line: 'press 3', name: 'edge-1' };

test('topics are sideglance/<site>/<line>/<device>/…, stations one level below', () => {
  const topics = deviceTopics(device);
  assert.equal(topics.status, 'sideglance/ulm/press 3/edge-1/status');
  assert.equal(topics.model, 'sideglance/ulm/press 3/edge-1/model');
  assert.equal(topics.station('top').inspection, 'sideglance/ulm/press 3/edge-1/top/inspection');
  assert.equal(topics.station('top').gap, 'sideglance/ulm/press 3/edge-1/top/gap');
  assert.equal(topics.station('Förderband 2').map, 'sideglance/ulm/press 3/edge-1/Förderband 2/map');
});

for (const name of ['', '+', 'a+b', '#', 'a/b', '$SYS', 'a\u0000b', 'a\nb', '\ud800', ' a', 'a ', 'x'.repeat(129)]) {
  test(`the name ${JSON.stringify(name).slice(0, 20)} is refused as a topic level, wherever it stands`, () => {
    assert.notEqual(topicNameFault(name), null);
    const refused = (error: unknown) => error instanceof SideglanceError && error.code === 'SG_CONFIG_INVALID';
    assert.throws(() => deviceTopics({ ...device, site: name }), refused);
    assert.throws(() => deviceTopics({ ...device, line: name }), refused);
    assert.throws(() => deviceTopics({ ...device, name }), refused);
    assert.throws(() => deviceTopics(device).station(name), refused);
  });
}

test("a station cannot take the name of one of the device's own topics", () => {
  for (const name of ['status', 'health', 'model', 'command', 'update']) {
    assert.throws(() => deviceTopics(device).station(name), new RegExp(`'${name}' is taken`));
  }
});
