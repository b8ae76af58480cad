// Both providers against a service at URL that answers 429 with Retry-After: 7.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OFREPProvider } from '@openfeature/ofrep-provider';
import { OFREPWebProvider } from '@openfeature/ofrep-web-provider';
import { OpenFeature } from '@openfeature/server-sdk';
import { OpenFeature as Web } from '@openfeature/web-sdk';

const { URL: baseUrl, KEY } = process.env;
const headers = [['Authorization', `Bearer ${KEY}`]];

test('the server provider waits as long as it is told', async () => {
  const provider = new OFREPProvider({ baseUrl, headers });
  await OpenFeature.setProviderAndWait(provider);
  const details = await OpenFeature.getClient().getBooleanDetails('boolean', false);
  assert.match(details.errorMessage, /rate limit exceeded/);
  const wait = provider.notBefore - Date.now();
  assert.ok(wait > 5000 && wait <= 7000, `waits ${wait} ms`);
  assert.match((await OpenFeature.getClient().getBooleanDetails('boolean', false)).errorMessage, /paused/);
});

test('the web provider says that it is throttled', async () => {
  const provider = new OFREPWebProvider({ baseUrl, headers, cacheMode: 'disabled' });
  await assert.rejects(Web.setProviderAndWait(provider), /rate limit exceeded/);
});

test.after(() => Promise.all([OpenFeature.close(), Web.close()]));
