import { runProcess } from './process.js';

// API and worker as one process: for one machine with one disk, where both find the same blobs.
await runProcess(['api', 'worker']);
