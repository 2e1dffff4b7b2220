import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SideglanceError } from '../../../src/errors.js';
import { AllowedUrls } from '../../../src/updates/download/allowed-urls.js';
import { proxyFor } from '../../../src/updates/download/proxy.js';

const allowed = new AllowedUrls(['https://models.example/released', 'http://10.0.0.5:8080/']);

for (const url of [
  'https://models.example/released',
  'https://models.example/released/b.tar?token=x',
  'https://MODELS.example:443/released/../released/b.tar',
  'http://10.0.0.5:8080/any/b.tar',
]) {
  test(`${url} may be fetched`, () => assert.ok(allowed.check(url)));
}

for (const url of [
  'http://models.example/released/b.tar',
  'https://models.example/releasedfor.me/b.tar',
  'https://models.example/released/../b.tar',
  'https://models.example/released/%2e%2e/b.tar',
  'https://models.example/released/..%2fb.tar',
  'https://models.example/released/..%5Cb.tar',
  'https://models.example\\released/../b.tar',
  'https://models.example@evil.example/released/b.tar',
  'https://user:sesame@models.example/released/b.tar',
  'https://models.example.evil.example/released/b.tar',
  'https://models.example:444/released/b.tar',
  'http://10.0.0.5/b.tar',
  'http://169.254.169.254/latest/meta-data/',
  'file:///etc/passwd',
  'ftp://models.example/released/b.tar',
  'released/b.tar',
  '',
]) {
  test(`${JSON.stringify(url)} may not be fetched`, () => {
    assert.throws(
      () => allowed.check(url),
      (error) =>
        error instanceof SideglanceError && error.code === 'SG_BUNDLE_URL' && !error.message.includes('sesame@'),
    );
  });
}

test('without any address nothing may be fetched, and the reason says what to set', () => {
  assert.throws(() => new AllowedUrls([]).check('https://models.example/b.tar'), /models\.download\.from/);
});

test('the proxy is that of the configuration, or as the environment says', () => {
  const url = (text: string) => new URL(text);
  const environment = {
    HTTPS_PROXY: 'http://p:1',
    http_proxy: 'http://q:2',
    NO_PROXY: '.plant.example,other.example:8443',
  };
  assert.equal(proxyFor(url('https://a.example/'), 'http://r:3', environment), 'http://r:3');
  assert.equal(proxyFor(url('https://a.example/'), undefined, environment), 'http://p:1');
  assert.equal(proxyFor(url('http://a.example/'), undefined, environment), 'http://q:2');
  assert.equal(proxyFor(url('https://m.plant.example/'), undefined, environment), null);
  assert.equal(proxyFor(url('https://plant.example/'), undefined, environment), null);
  assert.equal(proxyFor(url('https://myplant.example/'), undefined, environment), 'http://p:1');
  assert.equal(proxyFor(url('https://other.example/'), undefined, environment), 'http://p:1');
  assert.equal(proxyFor(url('https://other.example:8443/'), undefined, environment), null);
  assert.equal(proxyFor(url('https://a.example/'), undefined, { ...environment, NO_PROXY: '*' }), null);
  assert.equal(proxyFor(url('https://a.example/'), undefined, {}), null);
});
