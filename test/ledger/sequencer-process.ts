import { LedgerMetrics, PersonKeys, Sequencer, noteSigner } from '../../src/ledger/index.js';
import { createLogger, createRegistry, systemClock } from '../../src/platform/index.js';
import { ORIGIN, connect } from './support.js';

/** A process that only sequences, for tests that kill it: DATABASE, signing key and master key as arguments. */
const [url = '', signingKey = '', masterKey = ''] = process.argv.slice(2);
const database = await connect(url);
const sequencer = new Sequencer({
  database,
  clock: systemClock,
  logger: createLogger({ level: 'error', name: 'sequencer' }),
  people: new PersonKeys({ masterKey: Buffer.from(masterKey, 'hex'), clock: systemClock }),
  metrics: new LedgerMetrics(createRegistry('sequencer')),
  origin: ORIGIN,
  keys: { signers: [noteSigner(ORIGIN, Buffer.from(signingKey, 'hex'))], retired: [] },
});
sequencer.start();
process.on('message', () => process.send?.({ isLeading: sequencer.isLeading }));
process.send?.('ready');
process.once('disconnect', () => process.exit(0));
