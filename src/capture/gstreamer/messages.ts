import { outPointer } from '../../native/pointer.js';
import { type GStreamer, type GstBus, type GstMessage, type NativeError, takeError, takeText } from './binding.js';
import { MESSAGE, MESSAGE_TYPE } from './layout.js';

/** What an element tells the application through the pipeline's bus. */
export type BusMessage =
  | { readonly kind: 'eos' }
  | ({
      readonly kind: 'error' | 'warning' | 'info';
      /** Where in the element it happened, and often the system's own reason; null when there is none. */
      readonly debug: string | null;
      /** Name of the element, e.g. `v4l2src0`. */
      readonly element: string;
    } & NativeError);

const WANTED = MESSAGE_TYPE.eos | MESSAGE_TYPE.error | MESSAGE_TYPE.warning | MESSAGE_TYPE.info;

/** Takes everything of interest off the bus without waiting; all else on it is thrown away. */
export function popMessages(gst: GStreamer, bus: GstBus): BusMessage[] {
  const messages: BusMessage[] = [];
  for (let message = gst.busPop(bus, 0, WANTED); message !== null; message = gst.busPop(bus, 0, WANTED)) {
    messages.push(read(gst, message));
    gst.unrefMini(message);
  }
  return messages;
}

function read(gst: GStreamer, message: GstMessage): BusMessage {
  const type = MESSAGE.type(message);
  if (type === MESSAGE_TYPE.eos) return { kind: 'eos' };
  const error = outPointer<'GError'>();
  const debug = outPointer<'char'>();
  let kind: 'error' | 'warning' | 'info' = 'info';
  if (type === MESSAGE_TYPE.error) {
    kind = 'error';
    gst.parseError(message, error, debug);
  } else if (type === MESSAGE_TYPE.warning) {
    kind = 'warning';
    gst.parseWarning(message, error, debug);
  } else {
    gst.parseInfo(message, error, debug);
  }
  const source = MESSAGE.source(message);
  return {
    kind,
    element: (source === null ? null : takeText(gst, gst.objectName(source))) ?? 'pipeline',
    debug: takeText(gst, debug[0]),
    ...(error[0] === null ? { domain: 'unknown', code: 0, message: 'no text' } : takeError(gst, error[0])),
  };
}

/** One line for people: which element, what it says, and the reason in its debug text where that adds something. */
export function describe(message: BusMessage): string {
  if (message.kind === 'eos') return 'end of stream';
  // The debug text is `file.c(line): function (): /path/of/element:` and then, on lines of its own, the details.
  const details = (message.debug ?? '').split('\n').slice(1).join(' ').trim();
  const text = `${message.element}: ${message.message}`;
  return details === '' || message.message.includes(details) ? text : `${text} ${details}`;
}
