/** A process of its own for each caster, so that what the client costs is neither the bench's nor the product's. */
import { openFloor, type FloorOptions } from './floor.js';
import { runRound, type Caster, type RoundRequest } from './measure.js';
import { openProductClient, type ClientOptions } from './product-client.js';
import { openRequester, type RequesterOptions } from './requester.js';

export type CasterOptions =
  | { kind: 'floor'; options: FloorOptions }
  | { kind: 'product'; options: ClientOptions }
  | { kind: 'requester'; options: RequesterOptions };

const caster = await open(JSON.parse(process.argv[2] ?? '') as CasterOptions);

function open({ kind, options }: CasterOptions): Promise<Caster> {
  switch (kind) {
    case 'floor':
      return openFloor(options);
    case 'product':
      return openProductClient(options);
    case 'requester':
      return openRequester(options);
  }
}

process.on('message', (request: RoundRequest | 'close') => {
  const done =
    request === 'close'
      ? caster.close().then(() => process.disconnect())
      : runRound(caster, request).then((result) => void process.send?.(result));
  done.catch((error: unknown) => {
    process.stderr.write(`${String((error as Error).stack)}\n`);
    process.exit(1);
  });
});
process.send?.('ready');
