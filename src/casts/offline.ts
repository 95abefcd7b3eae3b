/** The second door, of what works without a server: it loads none of a server's libraries, which take a second to start. */
export { parseReceipt, type ParsedReceipt } from './parse-receipt.js';
export type { Receipt } from './receipt.js';
export { keysIn, verifyReceipt, type ReceiptCheck } from './verify-receipt.js';
export { verifyReceiptBytes } from './verify-receipt-bytes.js';
