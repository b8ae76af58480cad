// OpenFeature's web SDK and OFREP provider: all flags at once, polled with an ETag, against the service at URL.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { OFREPWebProvider } from '@openfeature/ofrep-web-provider';
import { ErrorCode, OpenFeature, ProviderEvents } from '@openfeature/web-sdk';

const { URL: baseUrl, KEY } = process.env;

// The provider's answers, and what it was answered.
async function connect(context, { key = KEY, ...options } = {}) {
  const domain = randomUUID();
  const statuses = [];
  const provider = new OFREPWebProvider({
    baseUrl,
    cacheMode: 'disabled',
    headers: key ? [['Authorization', `Bearer ${key}`]] : [],
    fetchImplementation: async (...request) => {
      const response = await fetch(...request);
      statuses.push(response.status);
      return response;
    },
    ...options,
  });
  await OpenFeature.setContext(domain, context);
  await OpenFeature.setProviderAndWait(domain, provider);
  return { client: OpenFeature.getClient(domain), domain, statuses };
}

test('every type is answered with its type', async () => {
  const { client } = await connect({ targetingKey: 'u1' });
  assert.equal(client.getBooleanValue('boolean', false), true);
  assert.equal(client.getStringValue('string', ''), 'grün');
  assert.equal(client.getNumberValue('integer', 0), 42);
  assert.equal(client.getNumberValue('float', 0), 1.0);
  assert.deepEqual(client.getObjectValue('object', {}), { limit: 10, ratio: 1.0, tags: ['a', null] });
});

test('unknown, disabled and mistyped flags', async () => {
  const { client } = await connect({ targetingKey: 'u1' });
  assert.equal(client.getBooleanDetails('nowhere', true).errorCode, ErrorCode.FLAG_NOT_FOUND);
  assert.equal(client.getNumberDetails('string', 7).errorCode, ErrorCode.TYPE_MISMATCH);
  const off = client.getBooleanDetails('disabled', true);
  assert.deepEqual([off.value, off.reason], [false, 'DISABLED']);
});

test('a flag that fails inside the bulk fails alone', async () => {
  const { client } = await connect({});
  assert.equal(client.getBooleanValue('boolean', false), true);
  for (const key of ['half', 'by-account']) {
    const details = client.getBooleanDetails(key, true);
    assert.deepEqual([details.value, details.errorCode], [true, ErrorCode.TARGETING_KEY_MISSING]);
  }
});

test('a changed context is another answer, though user and flags are the same', async () => {
  const { client, domain, statuses } = await connect({ targetingKey: 'u1', country: 'FR' });
  assert.equal(client.getStringValue('greeting', ''), 'en');
  await OpenFeature.setContext(domain, { targetingKey: 'u1', country: 'DE' });
  assert.equal(client.getStringValue('greeting', ''), 'de');
  await OpenFeature.setContext(domain, { targetingKey: 'u1', country: 'AT' });
  assert.equal(client.getStringValue('greeting', ''), 'en');
  assert.deepEqual(statuses, [200, 200, 200]);
});

test('an unchanged answer is 304', async () => {
  const { client, domain, statuses } = await connect({ targetingKey: 'u1' });
  await OpenFeature.setContext(domain, { targetingKey: 'u1', colour: 'no rule asks for it' });
  assert.deepEqual(statuses, [200, 304]);
  assert.equal(client.getBooleanValue('boolean', false), true);
});

test('polling goes on with the ETag', async () => {
  const { statuses } = await connect({ targetingKey: 'u1' }, { pollInterval: 20 });
  while (statuses.length < 3) await new Promise((resolve) => setTimeout(resolve, 10));
  assert.deepEqual(statuses.slice(0, 3), [200, 304, 304]);
});

for (const key of ['', 'rt_wrong']) {
  test(`with the key ${JSON.stringify(key)} the provider fails for good`, async () => {
    await assert.rejects(connect({ targetingKey: 'u1' }, { key }), { code: ErrorCode.PROVIDER_FATAL });
  });
}

test.after(() => OpenFeature.close());
