import { DOCS } from './lines.js';
import { walkThrough } from './walkthrough.js';

const pages = DOCS.filter((page) => page !== 'docs/models.md');
walkThrough(pages, { keys: ['alice'], isLive: true });
