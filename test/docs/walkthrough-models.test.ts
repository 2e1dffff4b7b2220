import { walkThrough } from './walkthrough.js';

walkThrough(['docs/models.md'], { keys: ['bob', 'carol', 'dave'], isLive: false });
