// A web shop in Node.js that asks the service by OpenFeature: node examples/services/node_service.mjs PORT
//
// npm install @openfeature/server-sdk@1.23.0 @openfeature/ofrep-provider@0.1.3 @openfeature/ofrep-core@0.1.4
// REALTIME_URL and REALTIME_KEY say where; without them it uses what `make run` starts.
// Try: curl 'http://127.0.0.1:8081/?user=ada&country=DE'

import { createServer } from 'node:http';

import { OFREPProvider } from '@openfeature/ofrep-provider';
import { OpenFeature } from '@openfeature/server-sdk';

const url = process.env.REALTIME_URL ?? 'http://127.0.0.1:8000';
const authorization = `Bearer ${process.env.REALTIME_KEY ?? 'rt_local_demo'}`;

await OpenFeature.setProviderAndWait(
  new OFREPProvider({ baseUrl: url, headers: [['Authorization', authorization]] }),
);
const flags = OpenFeature.getClient();

async function track(event) {
  // The id makes a second try count once. `timestamp` is when it happened.
  const body = JSON.stringify({ event_id: crypto.randomUUID(), timestamp: new Date(), ...event });
  const headers = { Authorization: authorization, 'Content-Type': 'application/json' };
  const answer = await fetch(`${url}/events`, { method: 'POST', headers, body });
  if (!answer.ok) throw new Error(`/events answered ${answer.status}`);
}

const server = createServer(async (request, response) => {
  const { pathname, searchParams } = new URL(request.url, 'http://shop');
  const { user, ...attributes } = Object.fromEntries(searchParams);
  const context = { ...attributes, ...(user && { targetingKey: user }) };
  let answer;
  if (pathname === '/buy' && user) {
    await track({ event_type: 'purchase', user_id: user, value: Number(attributes.amount ?? 1), currency: 'EUR' });
    answer = { bought: true };
  } else {
    answer = {
      banner: await flags.getStringValue('banner-text', 'Hello', context),
      items: [...Array(await flags.getNumberValue('page-size', 10, context)).keys()],
      is_new_checkout: await flags.getBooleanValue('new-checkout', false, context),
    };
  }
  response.setHeader('Content-Type', 'application/json');
  response.end(JSON.stringify(answer));
});

server.listen(Number(process.argv[2] ?? 8081), '127.0.0.1', () =>
  console.log(`http://127.0.0.1:${server.address().port}`),
);
