import type { DemoClient } from './demo-client.js';
import { check, say } from './tell.js';

const SPELL = 'com.spellplatform.resize';
// One picture costs 200 micros: room for one, not for two.
const LIMIT_MICROS = '300';

interface Refusal {
  code: string;
  detail: string;
  limitMicros: string;
  spentMicros: string;
  heldMicros: string;
  requiredMicros: string;
}

/** Sets a budget with room for one cast, and asks for two. */
export async function exceedBudget(client: DemoClient, picture: Buffer): Promise<void> {
  say(`setting a budget of ${LIMIT_MICROS} micros a day for resize, and casting it twice`);
  await client.setBudget({ scope: 'SPELL', subject: SPELL, period: 'DAILY', hardLimitMicros: LIMIT_MICROS });
  const inputBase64 = picture.toString('base64');
  const id = await client.cast({ spell: SPELL, inputBase64 });
  let costMicros: string | null = null;
  for await (const event of client.watch(id)) costMicros = event.cast?.costMicros ?? costMicros;
  say(`  first     accepted, ${costMicros} micros`);
  const response = await client.post('/v1/cast', { spell_name: SPELL, payload_base64: inputBase64 });
  const refusal = (await response.json()) as Refusal;
  check(response.status === 402, `the second is refused with 402 (${response.status})`);
  check(refusal.code === 'BUDGET_EXCEEDED', `as BUDGET_EXCEEDED (${refusal.code})`);
  const { limitMicros, spentMicros, heldMicros, requiredMicros } = refusal;
  check(limitMicros === LIMIT_MICROS && spentMicros === costMicros, 'the numbers are those of the budget');
  say(
    `  second    HTTP 402 BUDGET_EXCEEDED  limit ${limitMicros}, spent ${spentMicros}, held ${heldMicros}, required ${requiredMicros}`,
  );
}
