import '../harness.js';
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { describe, it } from 'node:test';
import { promisify } from 'node:util';

// Loaded late, so that GLib sees G_DEBUG.
const { elementExists, gstreamerVersion, missingElements, packageOfElement } = await import(
  '../../../src/capture/gstreamer/elements.js'
);

describe('what GStreamer is installed', () => {
  it('has the version that its own tool reports', async (test) => {
    const tool = await promisify(execFile)('gst-inspect-1.0', ['--version']).catch(() => null);
    if (tool === null) return test.skip('gst-inspect-1.0 is not installed (gstreamer1.0-tools)');
    assert.ok(tool.stdout.includes(`version ${await gstreamerVersion()}`), tool.stdout);
  });

  it('knows its elements', async () => {
    assert.equal(await elementExists('videoconvert'), true);
    assert.equal(await elementExists('nosuchelement'), false);
  });
});

describe('the missing elements of a pipeline text', () => {
  it('are named once each, in order', async () => {
    const text = 'nosuchsource name=x a=1 ! videoconvert ! tee name=t t. ! other1 ! nosuchsource t. ! fakesink';
    assert.deepEqual(await missingElements(text), ['nosuchsource', 'other1']);
  });

  it('are not seen in values that look like elements', async () => {
    assert.deepEqual(await missingElements('filesrc location="a ! nosuchelement" ! pngdec'), []);
  });

  it('are none where all is there, even when the text has another fault', async () => {
    assert.deepEqual(await missingElements('videotestsrc ! videoconvert'), []);
    assert.deepEqual(await missingElements('videotestsrc ! ! videoconvert'), []);
  });

  it('come with the package that brings them', () => {
    assert.equal(packageOfElement('aravissrc'), 'libaravis-0.8-0');
    assert.equal(packageOfElement('v4l2src'), 'gstreamer1.0-plugins-good');
    assert.match(packageOfElement('nvvidconv')!, /JetPack/);
    assert.equal(packageOfElement('nosuchelement'), null);
  });
});
