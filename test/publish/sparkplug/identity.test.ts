import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { loadConfig } from '../../../src/config/load.js';
import { openEdgeNode } from '../../../src/publish/sparkplug/from-config.js';
import { startMosquitto } from '../support/mosquitto.js';
import { reach } from './support/edge.js';
import { SparkplugHost } from './support/host.js';
import { holds } from './support/requirements.js';

// What the configuration makes of the names of a device, its stations and their regions.

interface Written {
  readonly name?: string;
  readonly stations?: readonly string[];
  readonly regions?: readonly string[];
  readonly url?: string;
  readonly sparkplug?: object;
}

async function inFolder(use: (load: (written: Written) => ReturnType<typeof loadConfig>) => Promise<void> | void) {
  const folder = mkdtempSync(join(tmpdir(), 'sideglance-sparkplug-'));
  try {
    await use(({ name = 'edge-1', stations = ['top'], regions = [], url = 'mqtt://127.0.0.1:1', sparkplug = {} }) => {
      const file = join(folder, `${name}.yaml`);
      const whole = {
        device: { site: 'ulm', line: 'press-3', name },
        mqtt: { url },
        sparkplug: { enabled: true, store: { folder: join(folder, name) }, ...sparkplug },
        stations: stations.map((station) => ({
          name: station,
          camera: { type: 'simulated' },
          regions: regions.map((region) => ({ name: region, x: 0, y: 0, width: 8, height: 8 })),
        })),
      };
      writeFileSync(file, JSON.stringify(whole));
      return loadConfig(file);
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

holds(['tck-id-case-sensitivity-sparkplug-ids'], () =>
  inFolder((load) => {
    assert.throws(() => load({ stations: ['Top', 'top'] }), /station top differs from station Top in case only/);
    load({ stations: ['Top', 'top'], sparkplug: { enabled: false } });
  }),
);

holds(['tck-id-case-sensitivity-metric-names'], () =>
  inFolder((load) => {
    assert.throws(() => load({ regions: ['Face', 'face'] }), /region face differs from region Face in case only/);
    load({ regions: ['face', 'edge'] });
  }),
);

holds(['tck-id-intro-edge-node-id-uniqueness', 'tck-id-topic-structure-namespace-unique-edge-node-descriptor'], () =>
  inFolder(async (load) => {
    // The devices of a line have names of their own, and by default an edge node takes that of its device.
    const broker = await startMosquitto();
    const host = new SparkplugHost(broker.url, 'ulm-press-3', 'scada');
    await host.goOnline();
    for (const name of ['edge-1', 'edge-2']) {
      const node = await openEdgeNode(load({ name, url: broker.url }), { agentVersion: '0.1.0', embeddedUrl: null });
      assert.ok(node);
      node.start();
      await reach(node, 'online');
      await host.until('its birth', () => host.nodes.has(name));
      await node.stop();
    }
    assert.deepEqual([...host.nodes.keys()], ['edge-1', 'edge-2']);
  }),
);

test('without `enabled` there is no edge node', () =>
  inFolder(async (load) => {
    const config = load({ sparkplug: { enabled: false } });
    assert.equal(await openEdgeNode(config, { agentVersion: '0.1.0', embeddedUrl: null }), null);
  }));
