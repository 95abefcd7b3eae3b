/** The second door, of what works without a server: it loads none of a server's libraries, which take a second to start. */
export { sha256 } from './digests.js';
export { isStorable } from './text.js';
export { takeRandom } from './random-bytes.js';
