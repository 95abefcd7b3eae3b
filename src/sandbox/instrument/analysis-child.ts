// The program of the analysis process: a module on standard input, the answer on standard output.

import { buffer } from 'node:stream/consumers';
import { encodeAnswer } from './analysis-message.js';
import { rewriteModule } from './rewrite-module.js';

process.stdout.write(encodeAnswer(rewriteModule(await buffer(process.stdin))));
