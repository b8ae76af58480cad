// OpenFeature's Node.js server SDK and OFREP provider, against the service at URL.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { OFREPProvider } from '@openfeature/ofrep-provider';
import { ErrorCode, OpenFeature } from '@openfeature/server-sdk';

const { URL: baseUrl, KEY } = process.env;

async function connect(key = KEY) {
  const domain = randomUUID();
  const headers = key ? [['Authorization', `Bearer ${key}`]] : [];
  await OpenFeature.setProviderAndWait(domain, new OFREPProvider({ baseUrl, headers }));
  return OpenFeature.getClient(domain);
}

const client = await connect();
const german = { targetingKey: 'u1', country: 'DE' };

test('every type is answered with its type', async () => {
  assert.equal(await client.getBooleanValue('boolean', false), true);
  assert.equal(await client.getStringValue('string', ''), 'grün');
  assert.equal(await client.getNumberValue('integer', 0), 42);
  assert.equal(await client.getNumberValue('float', 0), 1.0);
  assert.deepEqual(await client.getObjectValue('object', {}), { limit: 10, ratio: 1.0, tags: ['a', null] });
});

test('details carry variant, reason and version', async () => {
  const details = await client.getStringDetails('greeting', '', german);
  assert.deepEqual([details.value, details.variant, details.reason], ['de', 'de', 'TARGETING_MATCH']);
  assert.equal(details.flagMetadata.reason, 'TARGETING_MATCH');
  assert.equal(typeof details.flagMetadata.version, 'number');
});

test('targeting sees the context', async () => {
  const details = await client.getStringDetails('greeting', '', { targetingKey: 'u1', country: 'FR' });
  assert.deepEqual([details.value, details.reason], ['en', 'UNKNOWN']);
  assert.equal(details.flagMetadata.reason, 'NOT_TARGETED');
});

test('an unknown flag answers the default', async () => {
  const details = await client.getBooleanDetails('nowhere', true);
  assert.deepEqual([details.value, details.errorCode], [true, ErrorCode.FLAG_NOT_FOUND]);
});

test('another type is a mismatch', async () => {
  const details = await client.getStringDetails('float', 'x');
  assert.deepEqual([details.value, details.errorCode], ['x', ErrorCode.TYPE_MISMATCH]);
});

test('a disabled flag answers its off variant', async () => {
  const details = await client.getBooleanDetails('disabled', true);
  assert.deepEqual([details.value, details.variant, details.reason], [false, 'off', 'DISABLED']);
});

for (const [key, context] of [['half', {}], ['by-account', german]]) {
  test(`${key} needs something to divide users by`, async () => {
    const details = await client.getBooleanDetails(key, true, context);
    assert.deepEqual([details.value, details.errorCode], [true, ErrorCode.TARGETING_KEY_MISSING]);
  });
}

test('a user stays on the same side', async () => {
  const context = { targetingKey: 'u1' };
  const answers = await Promise.all(Array.from({ length: 20 }, () => client.getBooleanValue('half', false, context)));
  assert.equal(new Set(answers).size, 1);
});

for (const key of ['', 'rt_wrong', 'rt_no_scopes']) {
  test(`the key ${JSON.stringify(key)} answers the default`, async () => {
    const details = await (await connect(key)).getBooleanDetails('boolean', false);
    assert.deepEqual([details.value, details.errorCode], [false, ErrorCode.GENERAL]);
  });
}
