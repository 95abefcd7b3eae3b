/** The second door, of what works without a server: it loads none of a server's libraries, which take a second to start. */
export { meteredMicros, priceMicros, type Pricing } from './price.js';
