/** The thread that renders: takes orders one by one, hands each picture over without copying it. */
import { type MessagePort, parentPort } from 'node:worker_threads';
import { type RenderOptions, renderPart } from './render.js';
import type { Truth } from './truth.js';

export type RenderedPart = Omit<RenderOptions, 'defect'> & {
  readonly stride: number;
  readonly data: Uint8Array<ArrayBuffer>;
  readonly truth: Omit<Truth, 'mask'>;
};

if (parentPort !== null) serve(parentPort);

function serve(port: MessagePort): void {
  port.on('message', (order: RenderOptions) => {
    const { picture, truth } = renderPart(order);
    const { mask: _, ...known } = truth;
    const { seed, index, placement } = order;
    const { width, height, stride, format } = picture;
    // The renderer allocates each picture afresh, so that it may be given away.
    const data = picture.data as Uint8Array<ArrayBuffer>;
    const rendered: RenderedPart = { seed, index, placement, width, height, stride, format, data, truth: known };
    port.postMessage(rendered, [data.buffer]);
  });
}
