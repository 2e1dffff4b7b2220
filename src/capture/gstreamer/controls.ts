import { SideglanceError } from '../../errors.js';
import type { GStreamer, GstElement } from './binding.js';

/** GLib's fundamental types (gtype.h): their numbers are part of its ABI. */
const G_TYPE_INT = 6 << 2;
const G_TYPE_DOUBLE = 15 << 2;
/** GValue: the type, and two words for what it holds. */
const G_VALUE_BYTES = 24;

/** A property of an element: a number, or the number of an enumeration's value. */
export interface ElementProperty {
  readonly name: string;
  readonly type: 'number' | 'choice';
  readonly value: number;
}

/**
 * Sets a property of a running element and reads it back: GObject reports neither an unknown name nor a value that is out
 * of range to its caller. Off the thread, since some elements write to their device here.
 * @throws SideglanceError SG_COMMAND_FAILED where the element did not take it
 */
export async function setProperty(gst: GStreamer, element: GstElement, property: ElementProperty): Promise<void> {
  const { name, type, value } = property;
  const holder = new Uint8Array(G_VALUE_BYTES);
  gst.valueInit(holder, type === 'number' ? G_TYPE_DOUBLE : G_TYPE_INT);
  try {
    if (type === 'number') gst.valueSetDouble(holder, value);
    else gst.valueSetInt(holder, value);
    await gst.setProperty.offThread(element, name, holder);
    if (type === 'choice') return;
    gst.valueSetDouble(holder, Number.NaN);
    await gst.getProperty.offThread(element, name, holder);
    const taken = gst.valueGetDouble(holder);
    if (Math.abs(taken - value) <= Math.abs(value) * 1e-6) return;
    throw new SideglanceError(
      'SG_COMMAND_FAILED',
      `the camera did not take ${name} ${value} (it stands at ${taken}): ask for a value within its range`,
    );
  } finally {
    gst.valueUnset(holder);
  }
}
